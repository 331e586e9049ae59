"""The bytes of one file, read where needed and never past a bound, wherever they lie."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO, Protocol

WINDOW = 1 << 20
# Longer than anything that is looked for in a window.
OVERLAP = 4096


class FormatError(Exception):
    """The file is truncated, or says what cannot be; the text is one short clause."""


class Source(Protocol):
    """A file of `size` bytes."""

    size: int

    def read(self, offset: int, length: int) -> bytes:
        """Give `length` bytes from `offset`. Raises FormatError when they are not all there."""
        ...


class MemorySource:
    """A file that is in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    def read(self, offset: int, length: int) -> bytes:
        """Give `length` bytes from `offset`; raises FormatError."""
        if offset < 0 or length < 0 or offset + length > self.size:
            check_range(self, offset, length)
        return self._data[offset : offset + length]


class FileSource:
    """An open file; the descriptor stays the caller's."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """Give `length` bytes from `offset`; raises FormatError, also when it has shrunk since."""
        check_range(self, offset, length)
        data = os.pread(self._descriptor, length, offset)
        while len(data) < length:
            more = os.pread(self._descriptor, length - len(data), offset + len(data))
            if not more:
                raise FormatError(f"ends at byte {offset + len(data)}")
            data += more
        return data


class StreamSource:
    """A seekable stream of `size` bytes; closing it stays the caller's."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """Give `length` bytes from `offset`; raises FormatError."""
        check_range(self, offset, length)
        self._stream.seek(offset)
        data = self._stream.read(length)
        if len(data) != length:
            raise FormatError(f"ends at byte {offset + len(data)}")
        return data


class PartSource:
    """A range of another source, such as a member of an archive."""

    def __init__(self, whole: Source, offset: int, size: int) -> None:
        check_range(whole, offset, size)
        self._whole = whole
        self._offset = offset
        self.size = size

    def read(self, offset: int, length: int) -> bytes:
        """Give `length` bytes from `offset` of the part; raises FormatError."""
        check_range(self, offset, length)
        return self._whole.read(self._offset + offset, length)


def check_range(source: Source, offset: int, length: int) -> None:
    """Raise FormatError unless the range lies in the file."""
    if offset < 0 or length < 0 or offset + length > source.size:
        raise FormatError(f"bytes {offset} to {offset + length} are not in the file")


def unpack(source: Source, layout: struct.Struct, offset: int) -> tuple[Any, ...]:
    """Read a structure. Raises FormatError when it is not all there."""
    return layout.unpack(source.read(offset, layout.size))


def windows(source: Source, offset: int, length: int) -> Iterator[bytes]:
    """Give a range in pieces of WINDOW bytes, each with what follows it up to OVERLAP bytes."""
    check_range(source, offset, length)
    end = offset + length
    while offset < end:
        yield source.read(offset, min(WINDOW + OVERLAP, end - offset))
        offset += WINDOW


def c_string(data: bytes, offset: int, limit: int = OVERLAP) -> bytes:
    """Give the NUL-terminated bytes at `offset`. Raises FormatError for none below `limit`."""
    end = data.find(b"\0", offset, offset + limit) if 0 <= offset < len(data) else -1
    if end < 0:
        raise FormatError("a name has no end")
    return data[offset:end]
