"""Random names of temporary folders in ELF files, whose build ID then follows them.

They stand in debug information, mostly as the folder that a compiler ran in. A replacement has the
same length, so that nothing moves but the names whose order follows from them. References: ELF,
System V gABI, chapters 4 and 5; GNU ld(1), --build-id.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO

from samebit.executables.elf_dynamic import read_notes
from samebit.executables.elf_file import read_elf
from samebit.executables.source import FormatError, StreamSource
from samebit.formats.elf_names import in_order
from samebit.formats.streams import PIECE, MalformedError, Sink, patched

MAGIC = b"\x7fELF"
_BUILD_ID = 3


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
    try:
        for note in read_notes(read_elf(StreamSource(source, size))):
            if note.owner == b"GNU" and note.kind == _BUILD_ID and note.content:
                return note.at, len(note.content)
    except FormatError as error:
        raise MalformedError(str(error)) from None
    return None
