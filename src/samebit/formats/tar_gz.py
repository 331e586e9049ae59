"""A tar archive inside a gzip file: its times and order, which takes compressing it again.

The compressor is canonical form 1's, so the bytes are the same everywhere. The result is one gzip
member, because not every library reads several (Ruby's, browsers'); for that the content has to be
in memory, which bounds what is rewritten.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from samebit.formats.deflate import deflated
from samebit.formats.gzip import new_header, rewrite_gzip
from samebit.formats.streams import PIECE, KeepError, MalformedError, Sink
from samebit.formats.tar import rewrite_tar
from samebit.formats.tar_members import is_header

MAX_CONTENT = 64 << 20
"""The largest archive, in bytes before compression, that is compressed again."""

_HEADER = bytes.fromhex("1f8b08000000000000ff")


def rewrite_gzip_or_tar(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Rewrite a gzip file's headers; if it holds a tar archive, that too.

    `epoch` is in seconds. Raises KeepError for an archive that is too large to be compressed again.
    """
    if not _holds_tar(source):
        return rewrite_gzip(source, size, sink, epoch)
    source.seek(0)
    content = _content(source)
    if content is None:
        raise KeepError(
            f"a compressed tar archive of more than {MAX_CONTENT >> 20} MiB is not compressed again"
        )
    written: list[bytes] = []
    try:
        changed = rewrite_tar(io.BytesIO(content), len(content), written.append, epoch)
    except MalformedError:
        changed = False
    if not changed:
        return rewrite_gzip(source, size, sink, epoch)
    del content
    data = b"".join(written)
    del written
    sink(_HEADER)
    sink(deflated(data))
    sink(struct.pack("<II", zlib.crc32(data), len(data)))
    return True


def _holds_tar(source: BinaryIO) -> bool:
    start, _ = new_header(source, 0)
    source.seek(start)
    try:
        block = zlib.decompressobj(wbits=-15).decompress(source.read(4096), 512)
    except zlib.error:
        return False
    return is_header(block)


def _content(source: BinaryIO) -> bytes | None:
    """Decompress all members, None when there is more than MAX_CONTENT."""
    parts: list[bytes] = []
    total = 0
    for data in _inflated(source):
        total += len(data)
        if total > MAX_CONTENT:
            return None
        parts.append(data)
    return b"".join(parts)


def _inflated(source: BinaryIO) -> Iterator[bytes]:
    pending = source.read(PIECE)
    while pending:
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if not pending:
                pending = source.read(PIECE)
                if not pending:
                    raise MalformedError("truncated")
            try:
                yield member.decompress(pending, PIECE)
            except zlib.error:
                raise MalformedError("damaged gzip data") from None
            pending = member.unconsumed_tail
        pending = member.unused_data or source.read(PIECE)
