"""gzip files (RFC 1952): the time and the name in the headers of every member.

The compressed data stays bit for bit. Only `gunzip -N` ever uses name and time; without them it
names the file as `gunzip` does.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from samebit.formats.streams import PIECE, MalformedError, Sink, at, copy, exactly

MAGIC = b"\x1f\x8b\x08"
_FHCRC, _FEXTRA, _FNAME, _FCOMMENT, _RESERVED = 0x02, 0x04, 0x08, 0x10, 0xE0
_LONGEST_TEXT = 4096
# Each takes memory.
_MAX_MEMBERS = 200_000
# What may be a further member's header. Only if there is one is the data decompressed, to find
# where the members really start.
_CANDIDATE = re.compile(rb"\x1f\x8b\x08[\x00-\x1f]")


def rewrite_gzip(source: BinaryIO, size: int, sink: Sink, _epoch: int) -> bool:
    """Write every member with time 0, without name and without the header's checksum."""
    headers = list(_headers(source, size))
    if all(at(source, start, after - start) == header for start, after, header in headers):
        return False
    ends = [start for start, _, _ in headers[1:]] + [size]
    for (_, after, header), end in zip(headers, ends, strict=True):
        sink(header)
        source.seek(after)
        copy(source, end - after, sink)
    return True


def new_header(source: BinaryIO, start: int) -> tuple[int, bytes]:
    """Give where the header at `start` ends, and what it should be.

    Raises MalformedError for what RFC 1952 does not describe.
    """
    fixed = at(source, start, 10)
    flags = fixed[3]
    if fixed[:3] != MAGIC or flags & _RESERVED:
        raise MalformedError("not a gzip member")
    kept = b""
    if flags & _FEXTRA:
        length = exactly(source, 2)
        kept += length + exactly(source, struct.unpack("<H", length)[0])
    if flags & _FNAME:
        _text(source)
    if flags & _FCOMMENT:
        kept += _text(source)
    if flags & _FHCRC:
        exactly(source, 2)
    flags &= ~(_FNAME | _FHCRC)
    return source.tell(), fixed[:3] + bytes([flags]) + bytes(4) + fixed[8:] + kept


def _text(source: BinaryIO) -> bytes:
    start = source.tell()
    data = source.read(_LONGEST_TEXT)
    end = data.find(b"\0")
    if end < 0:
        raise MalformedError("a text in a gzip header without its end")
    source.seek(start + end + 1)
    return data[: end + 1]


def _headers(source: BinaryIO, size: int) -> Iterator[tuple[int, int, bytes]]:
    after, header = new_header(source, 0)
    yield 0, after, header
    if not _may_have_more(source, after, size):
        return
    for _ in range(_MAX_MEMBERS):
        start = _end_of_member(source, after, size)
        if start is None or start + 18 > size or at(source, start, 3) != MAGIC:
            return
        after, header = new_header(source, start)
        yield start, after, header
    raise MalformedError("too many gzip members")


def _may_have_more(source: BinaryIO, after: int, size: int) -> bool:
    source.seek(after)
    tail = b""
    left = size - after
    while left > 0 and (data := source.read(min(left, PIECE))):
        if _CANDIDATE.search(tail + data):
            return True
        tail = data[-3:]
        left -= len(data)
    return False


def _end_of_member(source: BinaryIO, after: int, size: int) -> int | None:
    """Give the offset after a member whose data starts at `after`; None if it is damaged."""
    source.seek(after)
    inflater = zlib.decompressobj(wbits=-15)
    read = after
    pending = b""
    while not inflater.eof:
        if not pending:
            pending = source.read(min(PIECE, size - read))
            read += len(pending)
            if not pending:
                return None
        try:
            inflater.decompress(pending, PIECE)
        except zlib.error:
            return None
        pending = inflater.unconsumed_tail
    return read - len(inflater.unused_data) + 8
