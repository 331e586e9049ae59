"""What a compressed blob tells about how it was made (RFC 1952, RFC 8878).

Needed when two layers have one diff ID and different bytes: which program wrote them, in how many
pieces, and what its headers say.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from samebit.errors import InputError
from samebit.image.layer_blob import LayerBlob
from samebit.model.escaped import escaped
from samebit.model.image_difference import Compression

_CHUNK = 1 << 18
# Names and comments in gzip headers have no limit; longer ones than this are cut.
_HEADER = 4096
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"

# RFC 1952 section 2.3.1.
_SYSTEMS = {0: "FAT", 3: "Unix", 10: "NTFS", 11: "NTFS", 255: "unknown"}
_EFFORT = {2: "slowest and smallest", 4: "fastest"}
# RFC 1951 section 3.2.3, the two bits after the first block's final bit.
_FIRST_BLOCK = "first block"
_BLOCKS = ("stored", "fixed Huffman codes", "dynamic Huffman codes", "invalid")


def describe_compression(layer: LayerBlob) -> Compression:
    """Read the blob once; its bytes must have been verified. Raises InputError when damaged."""
    with layer.open() as stream:
        head = stream.read(4)
    with layer.open() as stream:
        if head[:2] == _GZIP:
            return _gzip(stream, layer.what)
        if head == _ZSTD or (head[1:] == _SKIPPABLE and 0x50 <= head[0] < 0x60):
            return _zstd(stream, layer.what)
    return Compression("none")


def _gzip(stream: BinaryIO, what: str) -> Compression:
    members = 0
    first_size = 0
    first: tuple[tuple[str, str], ...] = ()
    level = None
    uniform = True
    for header, size in _members(stream, what):
        members += 1
        if members == 1:
            first, first_size = tuple(_gzip_fields(header)), size
            level = _EFFORT.get(header[8])
        elif uniform:
            uniform = _header_only(_gzip_fields(header)) == _header_only(first)
    return Compression("gzip", members, first_size, first, uniform, level)


def _header_only(fields: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [field for field in fields if field[0] != _FIRST_BLOCK]


def _members(stream: BinaryIO, what: str) -> Iterator[tuple[bytes, int]]:
    """Give the first bytes of each member and the size of its content."""
    pending = stream.read(_CHUNK)
    while pending:
        while len(pending) < _HEADER and (more := stream.read(_CHUNK)):
            pending += more
        header = pending[:_HEADER]
        size = 0
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if not pending and not (pending := stream.read(_CHUNK)):
                raise InputError(f"{what}: its gzip data is truncated")
            try:
                size += len(member.decompress(pending, _CHUNK))
            except zlib.error as error:
                raise InputError(f"{what}: its gzip data is damaged: {error}") from None
            pending = member.unconsumed_tail
        yield header, size
        pending = member.unused_data or stream.read(_CHUNK)


def _gzip_fields(header: bytes) -> Iterator[tuple[str, str]]:
    flags, extra = header[3], header[8]
    yield "mtime", str(int.from_bytes(header[4:8], "little"))
    yield "os", f"{header[9]} ({_SYSTEMS.get(header[9], 'other')})"
    yield "extra flags", str(extra)
    position = 10
    if flags & 4:
        length = int.from_bytes(header[10:12], "little")
        yield "extra field", header[12 : 12 + min(length, 64)].hex()
        position = 12 + length
    for bit, name in ((8, "name"), (16, "comment")):
        if flags & bit:
            text, _, _ = header[position:].partition(b"\0")
            yield name, escaped(text[:200])
            position += len(text) + 1
    if flags & 2:
        yield "header checksum", "present"
        position += 2
    if position < len(header):
        yield _FIRST_BLOCK, _BLOCKS[header[position] >> 1 & 3]


def _zstd(stream: BinaryIO, what: str) -> Compression:
    frames = 0
    first: tuple[tuple[str, str], ...] = ()
    first_size: int | None = None
    uniform = True
    while magic := stream.read(4):
        if magic[1:] == _SKIPPABLE:
            _skip(stream, int.from_bytes(_take(stream, 4, what), "little"), what)
            continue
        if magic != _ZSTD:
            raise InputError(f"{what}: its zstd data is damaged")
        frames += 1
        fields, size, checksum = _zstd_header(stream, what)
        if frames == 1:
            first, first_size = fields, size
        uniform = uniform and fields == first
        while True:
            block = int.from_bytes(_take(stream, 3, what), "little")
            kind = block >> 1 & 3
            _skip(stream, 1 if kind == 1 else block >> 3, what)
            if block & 1:
                break
        _skip(stream, 4 if checksum else 0, what)
    return Compression("zstd", frames, first_size, first, uniform)


def _zstd_header(
    stream: BinaryIO, what: str
) -> tuple[tuple[tuple[str, str], ...], int | None, bool]:
    """Read a frame header (RFC 8878 section 3.1.1.1): fields, content size, checksum or not."""
    descriptor = _take(stream, 1, what)[0]
    single = bool(descriptor & 0x20)
    window = None if single else _take(stream, 1, what)[0]
    dictionary = int.from_bytes(_take(stream, (0, 1, 2, 4)[descriptor & 3], what), "little")
    width = (1 if single else 0, 2, 4, 8)[descriptor >> 6]
    size = int.from_bytes(_take(stream, width, what), "little") if width else None
    if size is not None and width == 2:
        size += 256
    fields = [("checksum", "present" if descriptor & 4 else "absent")]
    fields.append(("content size", "present" if width else "absent"))
    if window is not None:
        base = 1 << (10 + (window >> 3))
        fields.append(("window", f"{base + base // 8 * (window & 7)} bytes"))
    if dictionary:
        fields.append(("dictionary", str(dictionary)))
    return tuple(fields), size, bool(descriptor & 4)


def _take(stream: BinaryIO, size: int, what: str) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise InputError(f"{what}: its zstd data is truncated")
    return data


def _skip(stream: BinaryIO, size: int, what: str) -> None:
    while size:
        size -= len(_take(stream, min(size, _CHUNK), what))
