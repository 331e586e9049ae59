"""Zip archives: the central directory and members, with bounds (PKWARE APPNOTE 6.3.10)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from samebit.executables.source import FormatError, Source, unpack

_END = struct.Struct("<4sHHHHIIH")
_END_64 = struct.Struct("<4sQHHIIQQQQ")
_LOCATOR_64 = struct.Struct("<4sIQI")
_ENTRY = struct.Struct("<4sHHHHHHIIIHHHHHII")
_LOCAL = struct.Struct("<4sHHHHHIIIHH")
_MAX_COMMENT = 65_535
_MAX_DIRECTORY = 64 << 20
_MAX_ENTRIES = 500_000


@dataclass(frozen=True, slots=True)
class ZipEntry:
    """A member. `times` are pairs of a place and seconds since 1970 (MS-DOS times read as UTC)."""

    name: bytes
    method: int
    encrypted: bool
    packed_size: int
    size: int
    offset: int
    times: tuple[tuple[str, int], ...]


def read_directory(source: Source) -> Iterator[ZipEntry]:
    """Give the entries of the central directory in its order. Raises FormatError."""
    start, size, count = _directory(source)
    if size > _MAX_DIRECTORY or count > _MAX_ENTRIES:
        raise FormatError("its directory is too long")
    data = source.read(start, size)
    at = 0
    for _ in range(count):
        if at + _ENTRY.size > len(data):
            raise FormatError("its directory is cut off")
        row = _ENTRY.unpack_from(data, at)
        if row[0] != b"PK\x01\x02":
            raise FormatError("its directory is damaged")
        flags, method, clock, day = row[3:7]
        packed, full, name_size, extra_size, comment_size = row[8:13]
        offset = row[16]
        at += _ENTRY.size
        name = data[at : at + name_size]
        extra = data[at + name_size : at + name_size + extra_size]
        at += name_size + extra_size + comment_size
        times = [("time", _dos_time(day, clock))]
        for kind, value in _extras(extra):
            if kind == 1:
                full, packed, offset = _wide(value, full, packed, offset)
            elif kind == 0x5455 and len(value) >= 5 and value[0] & 1:
                times.append(("extra field 0x5455", int.from_bytes(value[1:5], "little")))
            elif kind == 0x000A and len(value) >= 16:
                ticks = int.from_bytes(value[8:16], "little")
                times.append(("extra field 0x000a", ticks // 10_000_000 - 11_644_473_600))
        known = tuple((place, seconds) for place, seconds in times if seconds is not None)
        yield ZipEntry(name, method, bool(flags & 1), packed, full, offset, known)


def read_member(source: Source, entry: ZipEntry, limit: int) -> bytes:
    """Give at most the first `limit` bytes of a member's content. Raises FormatError."""
    row = unpack(source, _LOCAL, entry.offset)
    if row[0] != b"PK\x03\x04":
        raise FormatError("a member's header is damaged")
    if entry.encrypted:
        raise FormatError("a member is encrypted")
    start = entry.offset + _LOCAL.size + row[9] + row[10]
    if entry.method == 0:
        return source.read(start, min(entry.packed_size, limit))
    if entry.method != 8:
        raise FormatError(f"compression {entry.method} is not read")
    packed = source.read(start, min(entry.packed_size, limit + 1024))
    try:
        return zlib.decompressobj(-15).decompress(packed, limit)
    except zlib.error:
        raise FormatError("a member is damaged") from None


def _directory(source: Source) -> tuple[int, int, int]:
    length = min(source.size, _END.size + _MAX_COMMENT)
    tail = source.read(source.size - length, length)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise FormatError("it has no directory")
    row = _END.unpack_from(tail, at)
    count, size, start = row[4], row[5], row[6]
    end = source.size - length + at
    if count == 0xFFFF or 0xFFFFFFFF in (size, start):
        locator = unpack(source, _LOCATOR_64, end - _LOCATOR_64.size)
        if locator[0] == b"PK\x06\x07":
            wide = unpack(source, _END_64, locator[2])
            if wide[0] != b"PK\x06\x06":
                raise FormatError("its directory is damaged")
            count, size, start = wide[7], wide[8], wide[9]
            end = locator[2]
    # What stands before the archive (a launcher script) shifts every offset.
    shift = end - size - start
    if shift:
        raise FormatError("its directory is not where it says")
    return start, size, count


def _extras(extra: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        yield kind, extra[at + 4 : at + 4 + size]
        at += 4 + size


def _wide(value: bytes, full: int, packed: int, offset: int) -> tuple[int, int, int]:
    numbers = iter(
        [int.from_bytes(value[at : at + 8], "little") for at in range(0, len(value) - 7, 8)]
    )
    known = [
        next(numbers, number) if number == 0xFFFFFFFF else number
        for number in (full, packed, offset)
    ]
    return known[0], known[1], known[2]


def _dos_time(day: int, clock: int) -> int | None:
    try:
        moment = datetime(
            1980 + (day >> 9), day >> 5 & 15, day & 31,
            clock >> 11, clock >> 5 & 63, (clock & 31) * 2, tzinfo=UTC,
        )  # fmt: skip
    except ValueError:
        # No date at all: some writers leave zeros.
        return None
    return int(moment.timestamp())
