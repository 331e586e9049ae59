"""The day of the last password change in /etc/shadow: the day of the build, for new accounts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink

_LONGEST_LINE = 1 << 16
_LARGEST = 64 << 20
_NO_LIMIT = frozenset({b"", b"99999", b"-1"})


def _rewrite(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    if size > _LARGEST:
        return False
    before = _base_days(facts)
    changed = False
    for line in _lines(source):
        if line is None:
            return False
        new = _without_day(line, before, facts)
        changed = changed or new != line
        sink(new)
    return changed


def _without_day(line: bytes, before: dict[bytes, bytes], facts: Facts) -> bytes:
    fields = line.split(b":")
    # Nine fields; the third is the day, and 0 there asks for a new password at the next login.
    if len(fields) != 9 or not fields[2].strip(b"0") or not fields[2].isdigit():
        return line
    if before.get(fields[0]) == fields[2]:
        return line
    if fields[4] not in _NO_LIMIT:
        name = fields[0].decode("utf-8", "backslashreplace")
        facts.leave(
            f"says when the password of {name!r} expires, counted from the day of the build"
        )
        return line
    fields[2] = b""
    return b":".join(fields)


def _base_days(facts: Facts) -> dict[bytes, bytes]:
    file = facts.trees.open_base(facts.entry.path)
    if file is None:
        return {}
    with file:
        days = {}
        for line in _lines(file):
            fields = line.split(b":") if line is not None else []
            if len(fields) == 9:
                days[fields[0]] = fields[2]
        return days


def _lines(source: BinaryIO) -> Iterator[bytes | None]:
    """Give the lines with their ends; None, and an end, for one that no shadow file has."""
    while line := source.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            yield None
            return
        yield line


SHADOW_DAYS = Normaliser(
    name="system/shadow-days",
    action=Action.REWRITE,
    paths=(b"etc/shadow",),
    rewrite=_rewrite,
    made_here=True,
    why="The third field of a line that the build added or changed becomes empty, which switches"
    " password aging off; lines with a maximum age stay. Never 0: that forces a new password.",
    reference="shadow(5)",
)
