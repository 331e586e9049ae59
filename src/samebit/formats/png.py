"""PNG images (PNG specification, third edition): the chunks that say when, not what."""

from __future__ import annotations

import re
import struct
import zlib
from time import gmtime, strftime
from typing import BinaryIO

from samebit.formats.streams import MalformedError, Sink, at, copy, exactly

MAGIC = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
# Text of any use as a date is short; longer chunks are passed on unread.
_MAX_TEXT = 4096
_DATE = re.compile(rb"(date:[^\0]+|Creation Time|Thumb::MTime)\0")
_TYPE = re.compile(rb"[A-Za-z]{4}")


def rewrite_png(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Set the image's last-change time and dates in text chunks to `epoch` (seconds).

    Chunks keep their places, every checksum is right. What follows the image is kept.
    """
    if exactly(source, len(MAGIC)) != MAGIC:
        raise MalformedError("not a PNG image")
    changed = False
    position = len(MAGIC)
    parts: list[tuple[int, int, bytes]] = []
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", at(source, position, 8))
        end = position + 12 + length
        if end > size or not _TYPE.fullmatch(kind):
            raise MalformedError("a PNG chunk that ends after the image")
        if kind == b"tIME" or (kind in _TEXTS and length <= _MAX_TEXT):
            old = at(source, position, 12 + length)
            new = _new_chunk(kind, old, epoch)
            if new != old:
                parts.append((position, end, new))
                changed = True
        position = end
    if not changed:
        return False
    source.seek(0)
    done = 0
    for start, end, new in parts:
        copy(source, start - done, sink)
        sink(new)
        source.seek(end)
        done = end
    copy(source, size - done, sink)
    return True


def _new_chunk(kind: bytes, old: bytes, epoch: int) -> bytes:
    data = old[8:-4]
    if struct.unpack(">I", old[-4:])[0] != zlib.crc32(old[4:-4]):
        raise MalformedError("a damaged PNG chunk")
    when = gmtime(epoch)
    if kind == b"tIME":
        if len(data) != 7 or when.tm_year > 0xFFFF:
            return old
        return _chunk(kind, struct.pack(">HBBBBB", *when[:6]))
    match = _DATE.match(data)
    if match is None:
        return old
    text = strftime("%Y-%m-%dT%H:%M:%S+00:00", when).encode("ascii")
    if match[1] == b"Thumb::MTime":
        text = b"%d" % epoch
    return _chunk(b"tEXt", match[0] + text)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
