"""Content hashes remembered by inode, so that an unchanged context is not read again.

As in git's index: an entry is believed while device, inode, size, mtime and ctime are the same. A
file that was modified about when it was hashed could change again within one tick of the file
system's clock without showing it ("racily clean"), so such entries are never kept.
"""

from __future__ import annotations

import hashlib
import os
import struct

_Key = tuple[int, int, int, int, int]
_RECORD = struct.Struct("<QQQqq32s")
_MAGIC = b"samebit stat cache 1\n"
# Two seconds is the coarsest clock among common file systems (FAT).
_TICK_NS = 2_000_000_000


class StatCache:
    """Maps a file's identity and times to the sha256 of its content."""

    def __init__(self) -> None:
        self._known: dict[_Key, bytes] = {}
        self._used: dict[_Key, bytes] = {}

    @classmethod
    def load(cls, data: bytes | None) -> StatCache:
        """Read what `dump` wrote; anything else, or None, gives an empty cache."""
        cache = cls()
        body, digest = (data or b"")[len(_MAGIC) : -32], (data or b"")[-32:]
        if (
            data is None
            or not data.startswith(_MAGIC)
            or len(body) % _RECORD.size
            or hashlib.sha256(body).digest() != digest
        ):
            return cache
        for device, inode, size, mtime, ctime, content in _RECORD.iter_unpack(body):
            cache._known[device, inode, size, mtime, ctime] = content
        return cache

    def dump(self) -> bytes:
        """Write the entries that were looked up or added since loading."""
        body = b"".join(_RECORD.pack(*key, value) for key, value in sorted(self._used.items()))
        return _MAGIC + body + hashlib.sha256(body).digest()

    def find(self, status: os.stat_result) -> bytes | None:
        """Give the sha256 (32 bytes) of the unchanged file, or None when it must be read."""
        key = _key(status)
        content = self._known.get(key)
        if content is not None:
            self._used[key] = content
        return content

    def add(self, status: os.stat_result, content: bytes, *, read_at_ns: int) -> None:
        """Remember a file's sha256: `status` holds for it, `read_at_ns` is before its reading."""
        if max(status.st_mtime_ns, status.st_ctime_ns) < read_at_ns - _TICK_NS:
            self._used[_key(status)] = content


def _key(status: os.stat_result) -> _Key:
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
