"""Reading layers as they come: plain, gzip (RFC 1952, any number of members) or zstd (RFC 8878)."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import zstandard

from samebit.errors import InputError

if TYPE_CHECKING:
    # The type has no other name.
    _State = zlib._Decompress  # noqa: SLF001

_CHUNK = 1 << 18
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"
# The largest window that RFC 8878 asks decoders to consider, times sixteen: `zstd --long=27`.
_MAX_WINDOW = 1 << 27
# A zstd block of 4 bytes can stand for 128 KiB, so a piece for at most 32 MiB.
_ZSTD_PIECE = 1024
# gzip cannot exceed 1032:1. Only zstd can be a bomb, and no file tree compresses like this.
_FREE_OUTPUT = 8 << 30
_MAX_RATIO = 2000


Watch: TypeAlias = Callable[[int, "_State", int], None]
"""Is told before each chunk of gzip data: bytes taken so far, decompressor, the chunk's most."""


def decompressed(stream: BinaryIO, what: str, watch: Watch | None = None) -> Iterator[bytes]:
    """Give the content of `stream` in chunks of at most 32 MiB, decompressed as its magic says.

    What a layer's bytes are decides, not its media type: engines do the same, and the diff ID
    vouches for the result. Memory is bounded (160 MiB at worst, with zstd's window). Raises
    InputError: truncated, damaged, or a bomb; `what` names the stream.
    """
    head = stream.read(4)
    if head[:2] == _GZIP:
        return _bounded(_gunzip(head, stream, what, watch=watch), what)
    if head == _ZSTD or (
        head[1:] == _ZSTD_SKIPPABLE and head[:1] >= b"\x50" and head[:1] < b"\x60"
    ):
        return _bounded(_unzstd(head, stream, what), what)
    return _plain(head, stream)


def _plain(head: bytes, stream: BinaryIO) -> Iterator[bytes]:
    if head:
        yield head
    while chunk := stream.read(_CHUNK):
        yield chunk


def gunzip_from(stream: BinaryIO, state: _State, what: str) -> Iterator[bytes]:
    """Give what follows in a gzip stream whose beginning the state has taken. Raises InputError."""
    return _bounded(_gunzip(stream.read(_CHUNK), stream, what, state), what)


def _gunzip(
    pending: bytes,
    stream: BinaryIO,
    what: str,
    member: _State | None = None,
    watch: Watch | None = None,
) -> Iterator[tuple[int, bytes]]:
    taken = len(pending)
    while pending or member is not None:
        member = member or zlib.decompressobj(wbits=31)
        while not member.eof:
            if not pending:
                pending = stream.read(_CHUNK)
                if not pending:
                    raise InputError(f"{what}: its gzip data is truncated")
                read = len(pending)
                taken += read
            else:
                read = 0
            if watch is not None:
                watch(taken - len(pending), member, _CHUNK)
            try:
                data = member.decompress(pending, _CHUNK)
            except zlib.error as error:
                raise InputError(f"{what}: its gzip data is damaged: {error}") from None
            pending = member.unconsumed_tail
            yield read, data
        pending = member.unused_data
        member = None
        if not pending:
            pending = stream.read(_CHUNK)
            taken += len(pending)


def _unzstd(head: bytes, stream: BinaryIO, what: str) -> Iterator[tuple[int, bytes]]:
    pending = head
    while pending:
        frame = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW).decompressobj()
        while not frame.eof:
            read = 0
            if not pending:
                pending = stream.read(_CHUNK)
                read = len(pending)
                if not pending:
                    raise InputError(f"{what}: its zstd data is truncated")
            # All output of a piece comes at once: small pieces bound it.
            piece, pending = pending[:_ZSTD_PIECE], pending[_ZSTD_PIECE:]
            try:
                data = frame.decompress(piece)
            except zstandard.ZstdError as error:
                raise InputError(f"{what}: its zstd data is damaged: {error}") from None
            yield read, data
        pending = frame.unused_data + pending or stream.read(_CHUNK)


def _bounded(pieces: Iterator[tuple[int, bytes]], what: str) -> Iterator[bytes]:
    taken = given = 0
    for read, data in pieces:
        taken += read
        given += len(data)
        if given > _FREE_OUTPUT and given > taken * _MAX_RATIO:
            raise InputError(
                f"{what} is a decompression bomb: {taken} bytes became more than {given}"
            )
        if data:
            yield data
