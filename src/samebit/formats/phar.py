"""PHP archives (PHP manual, "What makes a phar a phar?"): times of members, and the checksum.

Archives whose signature is made with a key are left alone.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import BinaryIO

from samebit.formats.streams import KeepError, MalformedError, Sink, at, exactly, patched, pieces

_HALT = b"__HALT_COMPILER();"
_MAX_STUB = 4 << 20
_MAX_MANIFEST = 64 << 20
_SIGNED = 0x10000
_MARK = b"GBMB"
_HASHES = {1: "md5", 2: "sha1", 3: "sha256", 4: "sha512"}


def rewrite_phar(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Set every member's time to `epoch` (seconds) and write the checksum anew.

    Raises KeepError for an archive that is signed with a key.
    """
    start = _manifest_start(source)
    length, count, _, flags = struct.unpack("<IIHI", at(source, start, 14))
    if length > _MAX_MANIFEST:
        raise MalformedError("a manifest of more than 64 MiB")
    manifest = at(source, start + 4, length)
    try:
        patches = [
            (start + 4 + place, struct.pack("<I", epoch & 0xFFFFFFFF))
            for place in _times(manifest, count)
        ]
    except struct.error:
        raise MalformedError("a truncated manifest") from None
    if all(at(source, place, 4) == data for place, data in patches):
        return False
    if not flags & _SIGNED:
        return patched(source, size, patches, sink)
    kind, mark = struct.unpack("<I4s", at(source, size - 8, 8)) if size > 8 else (0, b"")
    if mark != _MARK:
        raise MalformedError("a phar without its signature")
    if kind not in _HASHES:
        raise KeepError("the archive is signed with a key")
    digest = hashlib.new(_HASHES[kind], usedforsecurity=False)
    end = size - 8 - digest.digest_size
    if not _is_right(source, end, digest.copy()):
        raise MalformedError("a phar with another checksum")

    def both(data: bytes) -> None:
        digest.update(data)
        sink(data)

    source.seek(0)
    patched(source, end, patches, both)
    sink(digest.digest())
    source.seek(size - 8)
    sink(exactly(source, 8))
    return True


def _manifest_start(source: BinaryIO) -> int:
    source.seek(0)
    stub = source.read(_MAX_STUB)
    # The compiler stops at the first one outside of strings; a phar's own code looks for the same.
    found = stub.find(_HALT)
    if found < 0:
        raise MalformedError("not a phar")
    end = found + len(_HALT)
    for ending in (b" ?>\r\n", b" ?>\n", b" ?>", b"?>\r\n", b"?>\n", b"?>"):
        if stub.startswith(ending, end):
            return end + len(ending)
    return end


def _times(manifest: bytes, count: int) -> Iterator[int]:
    """Give the places of the members' times."""
    offset = 10
    for _ in range(2):  # the alias, then metadata
        (length,) = struct.unpack_from("<I", manifest, offset)
        offset += 4 + length
    for _ in range(count):
        (length,) = struct.unpack_from("<I", manifest, offset)
        offset += 4 + length
        yield offset + 4
        (length,) = struct.unpack_from("<I", manifest, offset + 20)
        offset += 24 + length
    if offset != len(manifest):
        raise MalformedError("a manifest of another length")


def _is_right(source: BinaryIO, end: int, digest: hashlib._Hash) -> bool:
    source.seek(0)
    for data in pieces(source, end):
        digest.update(data)
    return source.read(digest.digest_size) == digest.digest()
