"""What of an SQLite database says nothing: counters in its header, and pages that are free.

SQLite, "Database File Format", 1.3 (the header) and 1.5 (the freelist).
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from samebit.formats.streams import MalformedError, Sink, at, patched

MAGIC = b"SQLite format 3\0"
_HEADER = 100
_MOST_FREE = 1 << 16


def without_noise(source: BinaryIO, size: int, sink: Sink) -> bool:
    """Set the counters, the writing library's version and the content of free pages to 0.

    Raises MalformedError for other files and for a freelist that is not sound.
    """
    header = at(source, 0, _HEADER)
    if not header.startswith(MAGIC):
        raise MalformedError("not a database")
    page = struct.unpack_from(">H", header, 16)[0]
    page = 65536 if page == 1 else page
    if page < 512 or page & (page - 1) or size % page:
        raise MalformedError("no size of pages")
    # The change counter and its copy; the version beside the copy is of the library.
    patches = {24: bytes(4), 92: bytes(8)}
    trunk, left = struct.unpack_from(">II", header, 32)
    if left > min(size // page, _MOST_FREE):
        raise MalformedError("more free pages than pages")
    while trunk and left > 0:
        begin = _begin(trunk, page, size)
        data = at(source, begin, page)
        following, count = struct.unpack_from(">II", data)
        if count > page // 4 - 2 or begin + 8 + 4 * count in patches:
            raise MalformedError("a damaged freelist")
        # What follows the list in its page is left over, too.
        patches[begin + 8 + 4 * count] = bytes(page - 8 - 4 * count)
        for leaf in struct.unpack_from(f">{count}I", data, 8):
            patches[_begin(leaf, page, size)] = bytes(page)
        trunk, left = following, left - 1 - count
    return patched(source, size, _apart(sorted(patches.items())), sink)


def _begin(number: int, page: int, size: int) -> int:
    begin = (number - 1) * page
    # Page 1 holds the header, and is never free.
    if not 0 < begin <= size - page:
        raise MalformedError("a free page that is none")
    return begin


def _apart(patches: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Give patches that do not overlap. Raises MalformedError for others: a page was free twice."""
    end = 0
    for begin, data in patches:
        if begin < end:
            raise MalformedError("a page is free twice")
        end = begin + len(data)
    return patches
