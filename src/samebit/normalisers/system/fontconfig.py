"""fontconfig's caches: each holds the mtime of the directory that it is about.

The header is C memory, mapped by programs (fontconfig, fcint.h, struct _FcCache), of the machine
that the file name tells: le64, le32d4 (i386) or le32d8 (32-bit ARM).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink

_MAGIC = 0xFC02FC04
_VERSIONS = range(7, 11)
_PLACES = (b"var/cache/fontconfig/", b"usr/lib/fontconfig/cache/", b"**/.cache/fontconfig/")
_CHUNK = 1 << 20
_LONGEST_PATH = 4097


@dataclass(frozen=True, slots=True)
class _Layout:
    """`head` reads magic, version, size and the directory's offset; the others are offsets."""

    head: struct.Struct
    seconds: int
    nanoseconds: int


_LAYOUTS = {
    b"-le64.cache-": _Layout(struct.Struct("<Iiqq"), 0x30, 0x38),
    b"-le32d4.cache-": _Layout(struct.Struct("<Iiii"), 0x1C, 0x20),
    b"-le32d8.cache-": _Layout(struct.Struct("<Iiii"), 0x1C, 0x20),
}


def _rewrite(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    layout = next((one for mark, one in _LAYOUTS.items() if mark in facts.entry.path), None)
    header = source.read(0x40)
    if layout is None or len(header) < 0x40 or facts.epoch >= 1 << 31:
        return False
    magic, version, said, offset = layout.head.unpack_from(header)
    if magic != _MAGIC or version not in _VERSIONS or said != size or not 0 < offset < size:
        return False
    source.seek(offset)
    path, end, _ = source.read(_LONGEST_PATH).partition(b"\0")
    # A directory of the base keeps its own mtime, which the cache has right.
    if not end or not facts.trees.in_layer(path.strip(b"/")):
        return False
    new = bytearray(header)
    struct.pack_into("<i", new, layout.seconds, facts.epoch)
    struct.pack_into("<q", new, layout.nanoseconds, 0)
    if new == header:
        return False
    sink(bytes(new))
    source.seek(len(header))
    while data := source.read(_CHUNK):
        sink(data)
    return True


FONTCONFIG = Normaliser(
    name="system/fontconfig-cache",
    action=Action.REWRITE,
    paths=tuple(
        place + mark
        for place in (
            b"var/cache/fontconfig/",
            b"usr/lib/fontconfig/cache/",
            b"**/.cache/fontconfig/",
        )
        for mark in (b"*-le64.cache-*", b"*-le32d?.cache-*")
    ),
    magic=((0, _MAGIC.to_bytes(4, "little")),),
    rewrite=_rewrite,
    made_here=True,
    why="The directory's mtime in the cache becomes the one that the directory has in the image, so"
    " that programs find the cache valid.",
    reference="fontconfig, src/fccache.c, FcCacheTimeValid",
)

FONTCONFIG_LOG = Normaliser(
    name="system/fontconfig-log",
    action=Action.REVERT,
    paths=(b"var/log/fontconfig.log",),
    why="What Debian's fontconfig told when it was installed: the directories of fonts, in the"
    " order in which the file system listed them. Every trigger writes it anew.",
    reference="Debian, fontconfig.postinst",
)
