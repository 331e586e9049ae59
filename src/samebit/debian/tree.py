"""The tree that mmdebstrap installed, in canonical order, its contents on disk."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from samebit.debian.tidy import Action, action
from samebit.errors import InputError
from samebit.image.entry import Entry, Kind
from samebit.image.layer_reader import Member, open_layer
from samebit.model.descriptor import OCI_LAYER

_ROOT = Entry(b"", Kind.DIRECTORY, 0o755)
_WHAT = "mmdebstrap's archive"


@dataclass(frozen=True, slots=True)
class Tree:
    """Entries in bytewise order of paths; a hard link names the first path of its group."""

    entries: tuple[Entry, ...]
    _contents: int
    _offsets: Mapping[bytes, int]

    def open(self, entry: Entry) -> io.RawIOBase:
        """Open the content of a file of this tree."""
        return _Slice(self._contents, self._offsets.get(entry.path, 0), entry.size)


@contextmanager
def read_tree(tarball: Path, spool: Path) -> Iterator[Tree]:
    """Read the installed tree from `tarball`, without what is no part of an image.

    Contents are kept in the new file `spool` until the context ends, because the archive's order is
    not that of a layer. Raises InputError for an archive that is malformed.
    """
    descriptor = os.open(spool, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with tarball.open("rb") as stream:
            members = open_layer(stream, OCI_LAYER, what=_WHAT)
            entries, offsets = _spool(members, descriptor)
        yield Tree(tuple(_relinked(entries, offsets)), descriptor, offsets)
    finally:
        os.close(descriptor)


def _spool(
    members: Iterable[Member], descriptor: int
) -> tuple[dict[bytes, Entry], dict[bytes, int]]:
    """Give all entries, whatever becomes of them, and where the contents of files are."""
    entries = {b"": _ROOT}
    offsets: dict[bytes, int] = {}
    end = 0
    with os.fdopen(descriptor, "wb", closefd=False) as output:
        for member in members:
            entry = member.entry
            entries[entry.path] = entry
            if entry.kind is Kind.FILE:
                offsets[entry.path] = end
                end += entry.size
                while data := member.content.read():
                    output.write(data)
    return entries, offsets


def _relinked(entries: Mapping[bytes, Entry], offsets: dict[bytes, int]) -> Iterator[Entry]:
    """Give what stays of the tree; the first path of each group of hard links gets the content.

    Points `offsets` of these paths to their contents.
    """
    first: dict[bytes, bytes] = {}
    for path in sorted(entries):
        entry = entries[path]
        what = action(path, Kind.FILE if entry.kind is Kind.HARDLINK else entry.kind)
        if what is Action.DROP:
            continue
        if what is Action.EMPTY:
            yield replace(entry, kind=Kind.FILE, size=0, link=b"")
            continue
        origin = entry.link if entry.kind is Kind.HARDLINK else path
        target = entries.get(origin)
        if target is None or target.kind is Kind.HARDLINK:
            raise InputError(f"{_WHAT} links {path!r} to {origin!r}, which it lacks")
        if origin not in first:
            first[origin] = path
            if target.kind is Kind.FILE:
                offsets[path] = offsets[origin]
            yield replace(target, path=path)
        else:
            yield replace(target, path=path, kind=Kind.HARDLINK, size=0, link=first[origin])


class _Slice(io.RawIOBase):
    """Part of a file, read without moving the file's own position."""

    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._end = offset + size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        view = memoryview(buffer)[: self._end - self._offset]
        count = os.preadv(self._descriptor, [view], self._offset) if view else 0
        self._offset += count
        return count
