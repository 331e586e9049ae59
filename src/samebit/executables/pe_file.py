"""The headers of Windows programs and libraries (Microsoft, "PE Format")."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from samebit.executables.source import FormatError, Source, unpack

EXPORTS, DEBUG, CLR = 0, 6, 14
"""Numbers of data directories."""
CODEVIEW, REPRO = 2, 16
"""Kinds of debug entries: the name of the PDB file; that times are checksums."""

_HEADER = struct.Struct("<4sHHIIIHH")
_DEBUG_ENTRY = struct.Struct("<IIHHIIII")
_SECTION = struct.Struct("<8sIIIIIIHHI")
_MAX_SECTIONS = 96
_MAX_DEBUG_ENTRIES = 64
# By the optional header's magic: where its data directories begin.
_DIRECTORIES = {0x10B: 96, 0x20B: 112}


class Section(NamedTuple):
    """A section: where it is in memory and in the file, in bytes."""

    size: int
    address: int
    raw_size: int
    raw: int


class DebugEntry(NamedTuple):
    """An entry of the debug directory, at `at`; `place` and `size` say where its data are."""

    at: int
    kind: int
    stamp: int
    size: int
    place: int


class PeFile:
    """The headers of a file. Everything raises FormatError for what is not there."""

    def __init__(self, source: Source) -> None:
        """Read what comes before the optional header, and the table of sections."""
        self.source = source
        start = int.from_bytes(source.read(60, 4), "little")
        row = unpack(source, _HEADER, start)
        if row[0] != b"PE\0\0":
            raise FormatError("it has no PE header")
        self.machine, count, self.stamp, self.characteristics = row[1], row[2], row[3], row[7]
        self.stamp_at = start + 8
        self.optional, self.optional_size = start + _HEADER.size, row[6]
        if count > _MAX_SECTIONS:
            raise FormatError(f"it claims {count} sections")
        table = self.optional + self.optional_size
        self.sections = [
            Section(*unpack(source, _SECTION, table + number * _SECTION.size)[1:5])
            for number in range(count)
        ]

    def directories(self) -> int:
        """Give where the data directories begin in the optional header."""
        magic = int.from_bytes(self.source.read(self.optional, 2), "little")
        if magic not in _DIRECTORIES:
            raise FormatError("its optional header is unknown")
        return _DIRECTORIES[magic]

    def directory(self, number: int) -> tuple[int, int]:
        """Give a data directory's address and size, zeros where it is missing."""
        at = self.directories() + 8 * number
        if at + 8 > self.optional_size:
            return 0, 0
        data = self.source.read(self.optional + at, 8)
        return int.from_bytes(data[:4], "little"), int.from_bytes(data[4:], "little")

    def place(self, address: int) -> int:
        """Give where a relative virtual address lies in the file."""
        for section in self.sections:
            if 0 <= address - section.address < max(section.size, section.raw_size):
                return section.raw + address - section.address
        raise FormatError(f"address {address:#x} is in no section")

    def debug_entries(self) -> Iterator[DebugEntry]:
        """Give the entries of the debug directory, at most sixty-four."""
        address, size = self.directory(DEBUG)
        if not address:
            return
        place = self.place(address)
        for number in range(min(size // _DEBUG_ENTRY.size, _MAX_DEBUG_ENTRIES)):
            at = place + number * _DEBUG_ENTRY.size
            row = unpack(self.source, _DEBUG_ENTRY, at)
            yield DebugEntry(at, row[4], row[1], row[5], row[7])
