"""The manifest of a jar (JAR File Specification): when, where and by whom it was built.

Times become the epoch in the form they had, so that a program that parses one still can. The name
of the user and of the machine that built the jar go, as strip-nondeterminism does it: no program
can depend on them. Everything else is kept, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from samebit.formats.dates import same_form

_LINE = 72
_DROPPED = frozenset((b"built-by", b"built-host", b"build-host", b"build-host-name"))
_TIMES = frozenset(
    (
        b"bnd-lastmodified",
        b"build-date",
        b"build-date-utc",
        b"build-datetime",
        b"build-time",
        b"build-timestamp",
        b"build_date",
        b"build_time",
        b"buildtime",
        b"builddate",
        b"built-at",
        b"built-date",
        b"built-on",
        b"built-time",
        b"created-at",
        b"created-on",
        b"creation-date",
        b"creation-time",
        b"dstamp",
        b"hudson-build-date",
        b"implementation-build-date",
        b"implementation-build-time",
        b"implementation-timestamp",
        b"module-build-time",
        b"timestamp",
        b"today",
        b"tstamp",
        b"x-compile-time",
        b"x-compile-timestamp",
    )
)
_LINE_END = re.compile(rb"\r\n|\n|\r")


def normal_manifest(data: bytes, epoch: int) -> bytes:
    """Give the manifest with the noise gone from its main section; `epoch` in seconds."""
    result: list[bytes] = []
    done = 0
    for start, end, name, value, line_end in _attributes(data):
        key = name.lower()
        if key in _DROPPED:
            new = b""
        elif key in _TIMES and (date := same_form(value.strip(), epoch)) is not None:
            new = _wrapped(name + b": " + date, line_end)
            if date == value.strip():
                continue
        else:
            continue
        result.append(data[done:start] + new)
        done = end
    return b"".join(result) + data[done:]


def _attributes(data: bytes) -> Iterator[tuple[int, int, bytes, bytes, bytes]]:
    """Give start, end, name, value and line ending of each attribute of the main section."""
    start = 0
    text: list[bytes] = []
    attribute_start = 0
    line_end = b"\n"
    while start < len(data):
        match = _LINE_END.search(data, start)
        if match is None:
            break
        line, after = data[start : match.start()], match.end()
        if line.startswith(b" "):
            text.append(line[1:])
        else:
            if text:
                yield attribute_start, start, *_parts(text), line_end
            if not line:
                return
            text, attribute_start, line_end = [line], start, match[0]
        start = after
    if text:
        yield attribute_start, start, *_parts(text), line_end


def _parts(lines: list[bytes]) -> tuple[bytes, bytes]:
    name, _, value = b"".join(lines).partition(b":")
    return name, value.removeprefix(b" ")


def _wrapped(text: bytes, line_end: bytes) -> bytes:
    """Break lines as the specification wants: at most 72 bytes, with their ending as jar does."""
    limit = _LINE - 2
    lines = [text[:limit]]
    rest = text[limit:]
    while rest:
        lines.append(b" " + rest[: limit - 1])
        rest = rest[limit - 1 :]
    return b"".join(line + line_end for line in lines)
