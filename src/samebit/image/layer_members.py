"""The members of a layer's archive as facts that can be compared, spooled and shown."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from samebit.canonical.tar_reader import Header, TarReader
from samebit.errors import InputError
from samebit.image.bookmarks import Bookmarks
from samebit.image.entry import Kind
from samebit.image.layer_blob import LayerBlob, plain_chunks
from samebit.image.layer_reader import DEFAULT_LIMITS, Limits, tree_path

Facts: TypeAlias = dict[str, bytes]
"""Attributes of an entry by name: numbers as decimal (mode: octal) text, names as they are."""

CONTENT = "content"
HEADERS = "headers"
MTIME = "mtime"
TYPE = "type"
XATTR = "xattr "
PAX = "pax "

_TYPES = {
    Kind.FILE.value: b"file",
    Kind.HARDLINK.value: b"hard link",
    Kind.SYMLINK.value: b"symlink",
    Kind.CHARACTER.value: b"character device",
    Kind.BLOCK.value: b"block device",
    Kind.DIRECTORY.value: b"directory",
    Kind.FIFO.value: b"fifo",
}
# What these say is an attribute of the entry already.
_UNDERSTOOD = frozenset(
    {b"path", b"linkpath", b"size", b"uid", b"gid", b"mtime", b"uname", b"gname"}
)
# Longer values are kept as their hash: nobody reads them, and a spool must not hold megabytes.
_MAX_VALUE = 300


@dataclass(frozen=True, slots=True)
class Member:
    """One member. `ordinal` counts from 0; `path` is normalised, empty for the root directory.

    `link` is the normalised target of a hard link, else empty.
    """

    ordinal: int
    path: bytes
    kind: bytes
    link: bytes
    facts: Facts


def read_members(
    layer: LayerBlob, limits: Limits = DEFAULT_LIMITS, bookmarks: Bookmarks | None = None
) -> Iterator[Member]:
    """Read a layer to its end, in bounded memory, verifying it and taking bookmarks.

    Raises InputError: damaged, malformed, beyond `limits`, not what its digest or diff ID say, or
    with names that lead out of the tree.
    """
    watch, begins = (bookmarks.chunk, bookmarks.member) if bookmarks else (None, None)
    reader = TarReader(plain_chunks(layer, watch), layer.what, strict_end=False, begins=begins)
    content = holes = names = 0
    for ordinal, header in enumerate(reader):
        content += header.size
        holes += header.holes
        names += len(header.name) + len(header.link) + 64
        if (
            ordinal >= limits.entries
            or content > limits.content
            or holes > limits.holes
            or names > limits.names
        ):
            raise InputError(
                f"{layer.what}: entry {header.name[:100]!r}: it would unpack to more than the"
                " limits allow"
            )
        path = tree_path(header.name, layer.what)
        link = tree_path(header.link, layer.what) if header.kind == Kind.HARDLINK.value else b""
        facts = _facts(header, reader)
        if header.kind == Kind.FILE.value:
            facts[CONTENT] = _hash(reader)
        yield Member(ordinal, path, header.kind, link, facts)
    reader.drain()


def _facts(header: Header, reader: TarReader) -> Facts:
    facts = {
        TYPE: _TYPES[header.kind],
        "mode": b"%04o" % header.mode,
        "uid": b"%d" % header.uid,
        "gid": b"%d" % header.gid,
        MTIME: _time(header.mtime_ns),
        "name": _bounded(header.name),
        "uname": _bounded(header.uname),
        "gname": _bounded(header.gname),
        "format": _format(reader),
        HEADERS: hashlib.sha256(b"".join(reader.raw_headers)).digest(),
    }
    if header.kind == Kind.FILE.value:
        facts["size"] = b"%d" % header.size
    if header.kind in (Kind.SYMLINK.value, Kind.HARDLINK.value):
        facts["link"] = _bounded(header.link)
    if header.kind in (Kind.CHARACTER.value, Kind.BLOCK.value):
        facts["device"] = b"%d,%d" % header.device
    for name, value in header.xattrs:
        facts[XATTR + _key(name)] = _bounded(value)
    if reader.records:
        facts["pax-records"] = _bounded(b",".join(key for key, _ in reader.records))
        for key, value in reader.records:
            if key not in _UNDERSTOOD and not key.startswith((b"SCHILY.xattr.", b"GNU.sparse.")):
                facts[PAX + _key(key)] = _bounded(value)
    return facts


def _key(name: bytes) -> str:
    return _bounded(name).decode("utf-8", "surrogateescape")


def _time(nanoseconds: int) -> bytes:
    seconds, fraction = divmod(nanoseconds, 1_000_000_000)
    return (b"%d.%09d" % (seconds, fraction)).rstrip(b"0") if fraction else b"%d" % seconds


def _format(reader: TarReader) -> bytes:
    block = reader.raw_headers[-1]
    if any(raw[156:157] == b"x" for raw in reader.raw_headers):
        return b"pax"
    if block[257:265] == b"ustar  \0":
        return b"gnu"
    if block[257:263] != b"ustar\0":
        return b"v7"
    return b"star" if block[508:] == b"tar\0" else b"ustar"


def _bounded(value: bytes) -> bytes:
    if len(value) <= _MAX_VALUE:
        return value
    digest = hashlib.sha256(value).hexdigest().encode()
    return b"%b... (%d bytes, sha256:%b)" % (value[:64], len(value), digest)


def _hash(reader: TarReader) -> bytes:
    hasher = hashlib.sha256()
    while data := reader.read():
        hasher.update(data)
    return hasher.digest()
