"""Windows programs and .NET assemblies (PE/COFF): the times in them, and what is computed of them.

Microsoft, "PE Format": COFF File Header, Optional Header, The .edata Section, The .debug Section.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from samebit.formats.streams import MalformedError, Sink, at, patched

MAGIC = b"MZ"
_PE32 = 0x10B
_PE32_PLUS = 0x20B
_CHECKSUM = 64
# Where the directories begin in the optional header, and which of them hold times.
_DIRECTORIES = {_PE32: 96, _PE32_PLUS: 112}
_EXPORTS = 0
_DEBUG = 6
_DEBUG_ENTRY = 28
# The entry that names the file with debugging information, by a GUID and an age.
_CODEVIEW = 2
_NAMED = 24
_MOST_DEBUG_ENTRIES = 64
_ZERO = bytes(4)


def without_times(source: BinaryIO, size: int, sink: Sink) -> bool:
    """Set the times of headers, exports and debug directory to 0, and what is computed of them.

    That is the checksum, and the name of the debugging information.

    Raises MalformedError for other files.
    """
    (start,) = struct.unpack("<I", at(source, 60, 4))
    if at(source, 0, 2) != MAGIC or at(source, start, 4) != b"PE\0\0":
        raise MalformedError("not a PE file")
    header = start + 4
    sections, length = struct.unpack("<2xH12xH", at(source, header, 18))
    patches = [(header + 4, _ZERO)]
    optional = header + 20
    if length:
        patches += _optional(source, optional, length, sections)
    return patched(source, size, sorted(set(patches)), sink)


def _optional(
    source: BinaryIO, optional: int, length: int, sections: int
) -> Iterator[tuple[int, bytes]]:
    data = at(source, optional, length)
    (magic,) = struct.unpack_from("<H", data.ljust(2, b"\0"))
    if magic not in _DIRECTORIES or length < _DIRECTORIES[magic]:
        raise MalformedError("an unknown optional header")
    yield optional + _CHECKSUM, _ZERO
    directories = _DIRECTORIES[magic]
    (count,) = struct.unpack_from("<I", data, directories - 4)

    def place(number: int) -> tuple[int, int] | None:
        if number >= count or length < directories + 8 * (number + 1):
            return None
        address, extent = struct.unpack_from("<II", data, directories + 8 * number)
        offset = _offset(table, address) if address else None
        return None if offset is None else (offset, extent)

    table = at(source, optional + length, 40 * sections)
    if found := place(_EXPORTS):
        yield found[0] + 4, _ZERO
    if found := place(_DEBUG):
        for number in range(min(found[1] // _DEBUG_ENTRY, _MOST_DEBUG_ENTRIES)):
            yield from _debug(source, found[0] + _DEBUG_ENTRY * number)


def _debug(source: BinaryIO, entry: int) -> Iterator[tuple[int, bytes]]:
    yield entry + 4, _ZERO
    kind, size, _, data = struct.unpack("<4I", at(source, entry + 12, 16))
    if kind == _CODEVIEW and size >= _NAMED and at(source, data, 4) == b"RSDS":
        yield data + 4, bytes(_NAMED - 4)


def _offset(table: bytes, address: int) -> int | None:
    """Find in the sections' headers where a relative virtual address lies in the file."""
    for size, start, stored, offset in struct.iter_unpack("<8xIIII16x", table):
        if start <= address < start + min(size or stored, stored):
            return int(offset + address - start)
    return None
