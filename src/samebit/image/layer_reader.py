"""Reading layers that somebody else wrote: any compression, any tar, nothing trusted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from samebit.canonical.tar_reader import Header, TarReader
from samebit.errors import InputError, InternalError
from samebit.image.decompress import decompressed
from samebit.image.entry import Entry, Kind
from samebit.image.layer_blob import LayerBlob, plain_chunks
from samebit.image.xattrs import Xattrs, kept_xattrs
from samebit.model.descriptor import (
    DOCKER_LAYER,
    DOCKER_LAYER_GZIP,
    DOCKER_LAYER_ZSTD,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD,
)
from samebit.model.digest import Digest

_LAYERS = {
    DOCKER_LAYER,
    DOCKER_LAYER_GZIP,
    DOCKER_LAYER_ZSTD,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD,
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
}
# What Linux itself can hold (limits.h).
_PATH_MAX = 4096
_NAME_MAX = 255
_ID_MAX = 2**32 - 2


@dataclass(frozen=True, slots=True)
class Limits:
    """What one layer may ask of us: bytes of content, of these in holes, of names; entries."""

    content: int = 256 << 30
    holes: int = 64 << 30
    names: int = 1 << 30
    entries: int = 4_000_000


DEFAULT_LIMITS = Limits()


class MemberContent:
    """The content of one member: valid until the next member is asked for."""

    def __init__(self, reader: TarReader) -> None:
        self._reader = reader
        self._header = reader.current

    def read(self, size: int = 1 << 18) -> bytes:
        """Give at most `size` bytes, empty at the end. Raises InputError for damaged layers."""
        if self._reader.current is not self._header:
            raise InternalError("a layer's member was read after the next one was asked for")
        return self._reader.read(size)

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill `buffer` from its start; give the number of bytes, 0 at the end."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Do nothing: the layer's stream goes on."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a layer, in the archive's order.

    `entry` has a path without `./` and slashes at its ends, the kept xattrs only and, for symlinks,
    the one mode they can have; whiteouts are still ordinary entries. `acls` were dropped. `header`
    is what the archive really says.
    """

    entry: Entry
    mtime_ns: int
    content: MemberContent
    header: Header
    acls: Xattrs


def open_layer(
    stream: BinaryIO,
    media_type: str,
    *,
    what: str,
    diff_id: Digest | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Iterator[Member]:
    """Read a layer; `what` names it in errors.

    The whole stream is read when the iterator is exhausted; only then has `diff_id` been checked,
    so nothing may be acted upon before. A path may come twice: the later one wins. Raises
    InputError for anything damaged, truncated, oversized, or out of the tree (`..`); leading
    slashes are taken for the tree's root, as every unpacker does.
    """
    _check_type(media_type, what)
    hasher = hashlib.sha256()
    chunks = decompressed(stream, what)
    # The diff ID vouches for the end, so archives without an end marker, which engines accept, can
    # be accepted too.
    reader = TarReader(
        chunks if diff_id is None else _hashed(chunks, hasher), what, strict_end=diff_id is None
    )
    yield from _members(reader, what, limits)
    reader.drain()
    if diff_id is not None and hasher.hexdigest() != diff_id.hex:
        raise InputError(
            f"{what}: its content has the diff ID sha256:{hasher.hexdigest()}, "
            f"the image's config says {diff_id}"
        )


def open_blob(layer: LayerBlob, limits: Limits = DEFAULT_LIMITS) -> Iterator[Member]:
    """Read a layer as `open_layer` does, wherever it lies, checking size, digest and diff ID.

    All three have been checked when the iterator is exhausted. Raises InputError.
    """
    _check_type(layer.descriptor.media_type, layer.what)
    reader = TarReader(plain_chunks(layer), layer.what, strict_end=False)
    yield from _members(reader, layer.what, limits)
    reader.drain()


def _check_type(media_type: str, what: str) -> None:
    if media_type not in _LAYERS:
        raise InputError(f"{what} is not a layer of a file tree: its media type is {media_type!r}")


def _hashed(chunks: Iterator[bytes], hasher: hashlib._Hash) -> Iterator[bytes]:
    for chunk in chunks:
        hasher.update(chunk)
        yield chunk


def _members(reader: TarReader, what: str, limits: Limits) -> Iterator[Member]:
    content = holes = names = 0
    for count, header in enumerate(reader, start=1):
        content += header.size
        holes += header.holes
        names += len(header.name) + len(header.link) + 64
        names += sum(len(name) + len(value) for name, value in header.xattrs)
        if count > limits.entries:
            raise InputError(f"{what}: more than {limits.entries} entries")
        if content > limits.content or holes > limits.holes or names > limits.names:
            raise InputError(
                f"{what}: entry {header.name[:100]!r}: the layer would unpack to more than "
                "the limits allow"
            )
        entry, acls = _entry(header, what)
        yield Member(entry, header.mtime_ns, MemberContent(reader), header, acls)


def _entry(header: Header, what: str) -> tuple[Entry, Xattrs]:
    kind = _KINDS[header.kind]
    path = tree_path(header.name, what)
    mode, link = header.mode & 0o7777, header.link
    if not path and kind is not Kind.DIRECTORY:
        raise InputError(f"{what}: entry {header.name!r} replaces the root directory")
    if max(header.uid, header.gid) > _ID_MAX:
        raise InputError(f"{what}: entry {header.name[:100]!r} has an owner that no file can have")
    if kind is Kind.SYMLINK:
        mode = 0o777
        if not link or b"\0" in link or len(link) >= _PATH_MAX:
            raise InputError(f"{what}: entry {header.name[:100]!r} is a symlink to nothing valid")
    elif kind is Kind.HARDLINK:
        link = tree_path(link, what)
        if link in (b"", path):
            raise InputError(f"{what}: entry {header.name!r} is a hard link to itself or the root")
    else:
        link = b""
    xattrs: Xattrs = ()
    acls: Xattrs = ()
    if header.xattrs:
        xattrs, acls = kept_xattrs(header.xattrs, f"{what}: entry {header.name!r}")
    return (
        Entry(path, kind, mode, header.uid, header.gid, header.size, link, header.device, xattrs),
        acls,
    )


_KINDS = {kind.value: kind for kind in Kind}


def tree_path(name: bytes, what: str) -> bytes:
    """Give `name` relative to the tree's root, without empty and `.` components.

    Raises InputError, naming `what`, for `..`, NUL bytes and names that Linux cannot hold.
    """
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise InputError(f"{what}: entry {name[:100]!r} climbs out of the tree")
    path = b"/".join(parts)
    if b"\0" in path or len(path) >= _PATH_MAX:
        raise InputError(f"{what}: entry {name[:100]!r} has a name that no file can have")
    if len(path) > _NAME_MAX and max(map(len, parts)) > _NAME_MAX:
        raise InputError(f"{what}: entry {name[:100]!r} has a name that no file can have")
    return path
