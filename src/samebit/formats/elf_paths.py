"""Random names of temporary folders in ELF files, whose build ID then follows them.

They stand in debug information, mostly as the folder that a compiler ran in. A replacement has the
same length, so that nothing moves but the names whose order follows from them. References: ELF,
System V gABI, chapters 4 and 5; GNU ld(1), --build-id.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from samebit.formats.elf_names import in_order
from samebit.formats.streams import PIECE, MalformedError, Sink, at, patched

MAGIC = b"\x7fELF"

# Programs have a few notes, cores thousands.
_MAX_NOTES = 1 << 16
_PT_NOTE, _NT_BUILD_ID = 4, 3


def rewrite_names(
    source: BinaryIO,
    size: int,
    sink: Sink,
    *,
    needle: bytes,
    pattern: re.Pattern[bytes],
    neutral: Callable[[re.Match[bytes]], bytes],
    longest: int,
) -> bool:
    """Write `neutral(match)` for each match of `pattern`, and a build ID made from the result.

    Names of the line table are put in order then.

    Each match starts with `needle`, which is found faster, and is at most `longest` bytes long;
    `neutral` keeps its length and is idempotent.
    """
    patches = [
        (offset, new)
        for offset, match in _matches(source, size, needle, pattern, longest)
        if (new := neutral(match)) != match[0]
    ]
    if not patches:
        return False
    patches = in_order(source, size, patches)
    found = _build_id(source, size)
    if found is None:
        return patched(source, size, patches, sink)
    where, length = found
    if any(offset < where + length and where < offset + len(new) for offset, new in patches):
        raise MalformedError("a name inside a build ID")
    digest = hashlib.sha256()
    patched(source, size, sorted([*patches, (where, bytes(length))]), digest.update)
    new_id = hashlib.shake_256(digest.digest()).digest(length)
    return patched(source, size, sorted([*patches, (where, new_id)]), sink)


def _matches(
    source: BinaryIO, size: int, needle: bytes, pattern: re.Pattern[bytes], longest: int
) -> Iterator[tuple[int, re.Match[bytes]]]:
    base = done = 0
    window = b""
    source.seek(0)
    while base + len(window) < size:
        data = source.read(PIECE)
        if not data:
            raise MalformedError("truncated")
        window += data
        last = base + len(window) >= size
        for match in pattern.finditer(window) if needle in window else ():
            start, end = base + match.start(), base + match.end()
            # One that might go on is looked at again with what follows it.
            if start >= done and (last or match.start() + longest <= len(window)):
                yield start, match
                done = end
        keep = min(len(window), longest)
        base += len(window) - keep
        window = window[len(window) - keep :]


def _build_id(source: BinaryIO, size: int) -> tuple[int, int] | None:
    """Give where the build ID is and its length, None when there is none."""
    ident = at(source, 0, 16)
    if ident[:4] != MAGIC or ident[4] not in (1, 2) or ident[5] not in (1, 2):
        raise MalformedError("not an ELF file")
    order, wide = "<>"[ident[5] - 1], ident[4] == 2
    head = struct.unpack(
        f"{order}{'QQQIHHH' if wide else 'IIIIHHH'}", at(source, 24, 34 if wide else 22)
    )
    table, entry, count = head[1], head[5], head[6]
    if entry < (56 if wide else 32):
        return None
    for number in range(count):
        record = at(source, table + number * entry, entry)
        if struct.unpack_from(f"{order}I", record)[0] != _PT_NOTE:
            continue
        if wide:
            offset, length = (
                struct.unpack_from(f"{order}Q", record, place)[0] for place in (8, 32)
            )
        else:
            offset, length = (
                struct.unpack_from(f"{order}I", record, place)[0] for place in (4, 16)
            )
        if length > _MAX_NOTES or offset + length > size:
            continue
        found = _in_notes(at(source, offset, length), order)
        if found is not None:
            return offset + found[0], found[1]
    return None


def _in_notes(notes: bytes, order: str) -> tuple[int, int] | None:
    place = 0
    while place + 12 <= len(notes):
        name, length, kind = struct.unpack_from(f"{order}III", notes, place)
        start = place + 12 + -(-name // 4) * 4
        if kind == _NT_BUILD_ID and notes[place + 12 : place + 16] == b"GNU\0":
            return (start, length) if length and start + length <= len(notes) else None
        place = start + -(-length // 4) * 4
    return None
