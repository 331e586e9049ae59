"""Writing the one layer of a canonical image (docs/canonical-form.md, "Layer")."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from samebit.canonical.compressor import GzipWriter
from samebit.canonical.tar import END_OF_ARCHIVE, encode_header, padding
from samebit.errors import InputError, InternalError
from samebit.image.entry import Entry, Kind
from samebit.image.whiteout import PREFIX, Whiteout
from samebit.model.descriptor import OCI_LAYER_GZIP, Descriptor
from samebit.model.digest import Digest
from samebit.store.store import Store


class Content(Protocol):
    """A file opened for reading; unbuffered files are read with the fewest copies."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill `buffer` from its start; give the number of bytes, fewer than fit at the end."""

    def close(self) -> object:
        """Release the file."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer in the store. `size` counts the bytes of the uncompressed archive."""

    descriptor: Descriptor
    diff_id: Digest
    size: int
    entries: int


def write_layer(
    entries: Iterable[Entry],
    open_content: Callable[[Entry], Content],
    epoch: int,
    store: Store,
    threads: int,
) -> Layer:
    """Write `entries` into the store as one canonical gzip layer.

    Entries come in bytewise order of their paths, each after its parent directory, and a hard link
    after the path it names; every file is opened once with `open_content`, its `size` already
    known. `epoch` (seconds) is the time of every entry. The bytes do not depend on `threads`.

    Raises InputError for a tree that no layer can hold (a real file named `.wh.*`, a character
    device 0:0, a file that changes while it is read) and InternalError when the entries are not in
    canonical order.
    """
    checker = _Checker()
    count = 0
    with store.writer() as blob, GzipWriter(blob.write, threads) as tar:
        fill = b""
        for entry in entries:
            checker.check(entry)
            tar.write(fill + encode_header(entry, epoch))
            fill = b""
            if entry.kind is Kind.FILE and not isinstance(entry, Whiteout):
                _copy(entry, open_content, tar)
                fill = padding(entry.size)
            count += 1
        checker.finish()
        tar.write(fill + END_OF_ARCHIVE)
        result = tar.close()
        digest, size = blob.commit()
    descriptor = Descriptor(OCI_LAYER_GZIP, digest, size)
    return Layer(descriptor, result.content_digest, result.content_size, count)


def _copy(entry: Entry, open_content: Callable[[Entry], Content], tar: GzipWriter) -> None:
    try:
        content = open_content(entry)
        try:
            found = tar.fill(content.readinto, entry.size)
        finally:
            content.close()
    except OSError as error:
        raise InputError(f"cannot read {_shown(entry.path)}: {error.strerror or error}") from error
    if found != entry.size:
        raise InputError(
            f"{_shown(entry.path)} changed while it was read: it had {entry.size} bytes, now "
            + ("more" if found > entry.size else f"{found}"),
            fix="make sure that nothing writes to the tree during the build",
        )


class _Checker:
    """What must hold between the entries of one layer."""

    def __init__(self) -> None:
        self._last: bytes | None = None
        self._parent = b""
        self._directories: set[bytes] = {b""}
        self._others: set[bytes] = set()
        self._links: set[bytes] = set()
        self._removed: list[bytes] = []

    def check(self, entry: Entry) -> None:
        path = entry.path
        if self._last is not None and path <= self._last:
            raise InternalError(f"{_shown(path)} does not follow {_shown(self._last)} in order")
        self._last = path
        parent, _, name = path.rpartition(b"/")
        if name in (b"", b".", b"..") and path:
            raise InternalError(f"{_shown(path)} is not a canonical path")
        if parent != self._parent:
            if parent not in self._directories:
                raise InternalError(f"{_shown(path)} stands in a layer without its directory")
            self._parent = parent
        if path.startswith(b"/"):
            raise InternalError(f"{_shown(path)} is not a canonical path")
        if isinstance(entry, Whiteout):
            self._removed.append(parent + b"/" * bool(parent) + name[len(PREFIX) :])
        elif name.startswith(PREFIX):
            raise InputError(
                f"{_shown(path)}: no layer can hold a file whose name starts with '.wh.'",
                fix="such names mark removals in image layers; rename or remove it in the build",
            )
        elif entry.kind is Kind.CHARACTER and entry.device == (0, 0):
            raise InputError(
                f"{_shown(path)}: no image can hold the character device 0:0",
                fix="it marks removals on overlay, as .wh. does in layers; remove it in the build",
            )
        elif entry.kind is Kind.DIRECTORY:
            self._directories.add(path)
        elif entry.kind is Kind.HARDLINK:
            if entry.link not in self._others or entry.xattrs:
                raise InternalError(
                    f"{_shown(path)} links to {_shown(entry.link)}, which is not before it, "
                    "or has attributes of its own"
                )
            self._links.add(path)
        else:
            if entry.kind is Kind.SYMLINK and entry.mode != 0o777:
                raise InternalError(f"{_shown(path)} is a symlink with mode {entry.mode:o}")
            self._others.add(path)

    def finish(self) -> None:
        for path in self._removed:
            if path in self._directories or path in self._others or path in self._links:
                raise InternalError(f"{_shown(path)} is both removed and present in one layer")


def _shown(path: bytes) -> str:
    return "/" + path.decode("utf-8", "backslashreplace")
