"""One block of canonical gzip: the bytes that canonical form 1 freezes (RFC 1951, RFC 1952)."""

from __future__ import annotations

import struct

import deflate

BLOCK_SIZE = 1 << 20
LEVEL = 6
WHEEL = "deflate==0.9.0"

# Magic, deflate, no flags, mtime 0, XFL 0 (neither "best" nor "fastest"), OS 255 (unknown).
_HEADER = bytes.fromhex("1f8b08000000000000ff")
_TRAILER = struct.Struct("<II")


def compress_member(block: bytes | bytearray | memoryview) -> bytes:
    """Compress at most `BLOCK_SIZE` bytes into one gzip member."""
    body = deflate.deflate_compress(block, LEVEL)
    return b"".join((_HEADER, body, _TRAILER.pack(deflate.crc32(block), len(block))))
