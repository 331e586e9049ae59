"""Times as numbers of a fixed width, in the encodings of file formats and languages."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from samebit.explain.text_times import EARLIEST, LATEST, Stamp

# Seconds from 1601 (FILETIME), from year 1 (.NET) and from 1904 (HFS, MP4) to 1970.
_FILETIME = 11_644_473_600
_DOTNET = 62_135_596_800
_HFS = 2_082_844_800


@dataclass(frozen=True, slots=True)
class _Encoding:
    name: str
    width: int
    code: str
    unit: int = 1
    before: int = 0

    def seconds(self, data: bytes) -> int:
        (number,) = struct.unpack(self.code, data)
        return int(number) // self.unit - self.before


_ENCODINGS = tuple(
    _Encoding(f"{name}, {order}", width, mark + code, unit, before)
    for mark, order in (("<", "little-endian"), (">", "big-endian"))
    for name, width, code, unit, before in (
        ("Unix seconds, 8 bytes", 8, "q", 1, 0),
        ("Unix milliseconds, 8 bytes", 8, "q", 10**3, 0),
        ("Unix microseconds, 8 bytes", 8, "q", 10**6, 0),
        ("Unix nanoseconds, 8 bytes", 8, "q", 10**9, 0),
        ("Windows FILETIME", 8, "Q", 10**7, _FILETIME),
        (".NET ticks", 8, "q", 10**7, _DOTNET),
        ("Unix seconds, 4 bytes", 4, "I", 1, 0),
        ("seconds since 1904", 4, "I", 1, _HFS),
    )
)


def binary_times(data: bytes, start: int, end: int) -> Iterator[Stamp]:
    """Give every time that the bytes from `start` to `end`, or some that touch them, may encode."""
    for encoding in _ENCODINGS:
        for at in range(max(0, end - encoding.width), min(start, len(data) - encoding.width) + 1):
            seconds = encoding.seconds(data[at : at + encoding.width])
            if EARLIEST <= seconds < LATEST:
                yield Stamp(at, at + encoding.width, seconds, 1, encoding.name, zoned=True)
    yield from _dos_times(data, start, end)


def _dos_times(data: bytes, start: int, end: int) -> Iterator[Stamp]:
    """Read MS-DOS time and date as in zip and FAT: two seconds' resolution, the local clock."""
    for at in range(max(0, end - 4), min(start, len(data) - 4) + 1):
        time, date = struct.unpack("<HH", data[at : at + 4])
        try:
            moment = datetime(
                1980 + (date >> 9),
                date >> 5 & 15,
                date & 31,
                time >> 11,
                time >> 5 & 63,
                (time & 31) * 2,
                tzinfo=UTC,
            )
        except ValueError:
            continue
        seconds = int(moment.timestamp())
        if EARLIEST <= seconds < LATEST:
            yield Stamp(at, at + 4, seconds, 2, "MS-DOS time", zoned=False)
