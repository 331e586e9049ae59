"""A tree of files in columns: compact in memory and on disk, its entries made when asked for.

A base image has hundreds of thousands of entries, and a build asks for those few whose paths
changed, their directories and the hard-link groups.
"""

from __future__ import annotations

import operator
import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Self

import msgspec

from samebit.errors import InputError
from samebit.image.entry import Entry, Kind
from samebit.image.layered_tree import LayeredTree
from samebit.image.xattrs import Xattrs

_KINDS = {kind.value[0]: kind for kind in Kind}
_FILE = Kind.FILE.value[0]
_NO_CONTENT = bytes(32)


class _Record(msgspec.Struct, array_like=True, frozen=True):
    """Columns of one value for each path, in bytewise order of the paths; numbers little-endian.

    `ends` says where each path ends in `paths`. The dictionaries hold, by position, what few
    entries have.
    """

    paths: bytes
    ends: bytes
    kinds: bytes
    modes: bytes
    uids: bytes
    gids: bytes
    sizes: bytes
    contents: bytes
    links: dict[int, bytes]
    devices: dict[int, tuple[int, int]]
    xattrs: dict[int, Xattrs]
    groups: list[list[int]]


class TreeIndex:
    """A tree of files by path, no path a Kind.HARDLINK.

    Every name of a hard-link group has the group's attributes. The root directory b"" is present
    only if a layer held it.
    """

    def __init__(self, record: _Record) -> None:
        self._record = record
        self._ends = _numbers("Q", record.ends)
        self._modes = _numbers("H", record.modes)
        self._uids = _numbers("I", record.uids)
        self._gids = _numbers("I", record.gids)
        self._sizes = _numbers("Q", record.sizes)

    @classmethod
    def of(cls, tree: LayeredTree) -> Self:
        """Give the tree that layers added up to."""
        return cls(_columns(tree))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Decode what `encode` gave. Raises InputError for anything else."""
        try:
            index = cls(msgspec.msgpack.decode(data, type=_Record))
            fault = index._fault()
        except (msgspec.MsgspecError, ValueError) as error:
            fault = str(error)
        if fault:
            raise InputError(f"a damaged index of a base image: {fault}")
        return index

    def encode(self) -> bytes:
        """Encode deterministically and compactly."""
        return msgspec.msgpack.encode(self._record)

    @property
    def entries(self) -> Mapping[bytes, Entry]:
        """The entries by path, in bytewise order."""
        return _Entries(self)

    @property
    def contents(self) -> Mapping[bytes, bytes]:
        """The sha256 (32 bytes) of every regular file's content by path."""
        return _Contents(self)

    def groups(self) -> tuple[tuple[bytes, ...], ...]:
        """Give the hard-link groups of at least two names: each sorted, sorted by first name."""
        return tuple(tuple(map(self.path, group)) for group in self._record.groups)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeIndex) and self._record == other._record

    def __hash__(self) -> int:
        return hash((self._record.paths, self._record.contents))

    def __len__(self) -> int:
        return len(self._ends)

    def path(self, position: int) -> bytes:
        """Give the path at a position in bytewise order, from 0."""
        start = self._ends[position - 1] if position else 0
        return self._record.paths[start : self._ends[position]]

    def find(self, path: bytes) -> int | None:
        """Give the position of a path, None when the tree does not have it."""
        position = bisect_left(range(len(self)), path, key=self.path)
        return position if position < len(self) and self.path(position) == path else None

    def kind(self, position: int) -> Kind:
        """Give what is at a position."""
        return _KINDS[self._record.kinds[position]]

    def entry(self, position: int) -> Entry:
        """Give the entry at a position."""
        record = self._record
        return Entry(
            self.path(position),
            self.kind(position),
            self._modes[position],
            self._uids[position],
            self._gids[position],
            self._sizes[position],
            record.links.get(position, b""),
            record.devices.get(position, (0, 0)),
            record.xattrs.get(position, ()),
        )

    def content(self, position: int) -> bytes:
        """Give the sha256 of a file's content."""
        return self._record.contents[32 * position : 32 * position + 32]

    def _fault(self) -> str:
        """Say what is wrong with a record that was read, empty for nothing."""
        count, record = len(self), self._record
        columns = (record.kinds, self._modes, self._uids, self._gids, self._sizes)
        if any(len(column) != count for column in columns) or len(record.contents) != 32 * count:
            return "its columns differ in length"
        if not set(record.kinds) <= _KINDS.keys():
            return "an unknown kind of entry"
        ends = self._ends
        rising = all(map(operator.le, ends, islice(ends, 1, None)))
        if not rising or len(record.paths) != (ends[-1] if count else 0):
            return "its paths are cut wrongly"
        if any(not 0 <= number < count for group in record.groups for number in group):
            return "a hard link to nothing"
        return ""


class _Entries(Mapping[bytes, Entry]):
    def __init__(self, index: TreeIndex) -> None:
        self._index = index

    def __getitem__(self, path: bytes) -> Entry:
        position = self._index.find(path)
        if position is None:
            raise KeyError(path)
        return self._index.entry(position)

    def __iter__(self) -> Iterator[bytes]:
        return map(self._index.path, range(len(self._index)))

    def __len__(self) -> int:
        return len(self._index)


class _Contents(Mapping[bytes, bytes]):
    def __init__(self, index: TreeIndex) -> None:
        self._index = index

    def __getitem__(self, path: bytes) -> bytes:
        position = self._index.find(path)
        if position is None or self._index.kind(position) is not Kind.FILE:
            raise KeyError(path)
        return self._index.content(position)

    def __iter__(self) -> Iterator[bytes]:
        for position in range(len(self._index)):
            if self._index.kind(position) is Kind.FILE:
                yield self._index.path(position)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _columns(tree: LayeredTree) -> _Record:
    paths, kinds, contents = bytearray(), bytearray(), bytearray()
    ends, modes, sizes = array("Q"), array("H"), array("Q")
    uids, gids = array("I"), array("I")
    links: dict[int, bytes] = {}
    devices: dict[int, tuple[int, int]] = {}
    xattrs: dict[int, Xattrs] = {}
    names: dict[int, list[int]] = {}
    for position, (path, inode) in enumerate(tree.inodes()):
        paths += path
        ends.append(len(paths))
        kinds += inode.kind.value
        modes.append(inode.mode)
        uids.append(inode.uid)
        gids.append(inode.gid)
        sizes.append(inode.size)
        contents += inode.content or _NO_CONTENT
        if inode.link:
            links[position] = inode.link
        if inode.device != (0, 0):
            devices[position] = inode.device
        if inode.xattrs:
            xattrs[position] = inode.xattrs
        if inode.linked:
            names.setdefault(id(inode), []).append(position)
    return _Record(
        bytes(paths),
        _little_endian(ends),
        bytes(kinds),
        _little_endian(modes),
        _little_endian(uids),
        _little_endian(gids),
        _little_endian(sizes),
        bytes(contents),
        links,
        devices,
        xattrs,
        [group for group in names.values() if len(group) > 1],
    )


def _numbers(typecode: str, data: bytes) -> Sequence[int]:
    numbers = array(typecode)
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def _little_endian(numbers: array[int]) -> bytes:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()
