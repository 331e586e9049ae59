"""git's index (gitformat-index(5), versions 2 to 4): what it remembers of files' stat data.

In an image every file has another inode, owner and time than when git looked, so that git has to
look again in any case; with zeros it does the same. What the index says of content stays.
"""

from __future__ import annotations

import hashlib
import struct
from typing import BinaryIO

from samebit.formats.streams import KeepError, MalformedError, Sink, exactly

MAGIC = b"DIRC"
_MAX_SIZE = 64 << 20
_STAT = 40
_HASH = 20
_EXTENDED = 0x4000
# Untracked files, the file system monitor and shared indexes: stat data of other kinds.
_OTHER_STATS = (b"UNTR", b"FSMN", b"link")


def rewrite_git_index(source: BinaryIO, size: int, sink: Sink, _epoch: int) -> bool:
    """Set times, devices, inodes and owners to zero, keep sizes, and write the new checksum.

    Raises KeepError for an index with stat data in extensions.
    """
    if size > _MAX_SIZE:
        raise MalformedError("a git index of more than 64 MiB")
    data = bytearray(exactly(source, size))
    if len(data) < 12 + _HASH or data[:4] != MAGIC:
        raise MalformedError("not a git index")
    stated = bytes(data[-_HASH:])
    if stated not in (bytes(_HASH), _checksum(data)):
        raise MalformedError("a git index with another checksum")
    version, count = struct.unpack_from(">2I", data, 4)
    if version not in (2, 3, 4):
        raise MalformedError("a git index of an unknown version")
    end = len(data) - _HASH
    offset = 12
    for _ in range(count):
        offset = _clear(data, offset, end, version)
    while offset < end:
        kind, length = struct.unpack_from(">4sI", data, offset) if offset + 8 <= end else (b"", end)
        if kind in _OTHER_STATS:
            raise KeepError("a git index with a cache of untracked files")
        offset += 8 + length
    if offset != end:
        raise MalformedError("a git index of another length")
    if stated != bytes(_HASH):
        data[-_HASH:] = _checksum(data)
    source.seek(0)
    if source.read(size) == data:
        return False
    sink(bytes(data))
    return True


def _checksum(data: bytearray) -> bytes:
    return hashlib.sha1(memoryview(data)[:-_HASH], usedforsecurity=False).digest()


def _clear(data: bytearray, offset: int, end: int, version: int) -> int:
    start = offset
    offset += _STAT + _HASH
    if offset + 2 > end:
        raise MalformedError("truncated")
    # Times, device and inode; then, after the mode, the owners.
    data[start : start + 24] = bytes(24)
    data[start + 28 : start + 36] = bytes(8)
    (flags,) = struct.unpack_from(">H", data, offset)
    offset += 2
    if flags & _EXTENDED:
        if version < 3:
            raise MalformedError("extended flags in an old git index")
        offset += 2
    if version == 4:
        while offset < end and data[offset] & 0x80:
            offset += 1
        offset += 1
    zero = data.find(b"\0", offset, end)
    if zero < 0:
        raise MalformedError("a name without its end")
    if version == 4:
        return zero + 1
    return start + (zero - start + 8) // 8 * 8
