"""The tree that an image's layers add up to, and its file contents, wherever the layers lie."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from samebit.errors import InternalError
from samebit.image.base_index import BaseIndex, apply_members, freeze
from samebit.image.entry import Entry, Kind
from samebit.image.layer_blob import LayerBlob
from samebit.image.layer_reader import DEFAULT_LIMITS, Limits, open_blob
from samebit.image.layered_tree import LayeredTree
from samebit.store.failure import machine_errors


@dataclass(frozen=True, slots=True)
class LayerStack:
    """`final` is the tree of all layers, `base` that of the lowest ones.

    `acls` are paths of the other layers whose access control lists no image keeps. `places` tells
    for the sha256 of a file's content the last layer and member, from 0, that has it.
    """

    base: BaseIndex
    final: BaseIndex
    acls: frozenset[bytes]
    places: dict[bytes, tuple[int, int]]
    layers: tuple[LayerBlob, ...]


def read_stack(
    layers: Sequence[LayerBlob], base_layers: int, limits: Limits = DEFAULT_LIMITS
) -> LayerStack:
    """Read every layer once, checking digests and diff IDs; the lowest `base_layers` are the base.

    `limits` hold for each layer. Memory grows with the number of entries, not with their content.
    Raises InputError.
    """
    tree = LayeredTree()
    base = freeze(tree)
    places: dict[bytes, tuple[int, int]] = {}
    acls: set[bytes] = set()
    for number, layer in enumerate(layers):
        members = apply_members(tree, open_blob(layer, limits), layer.what)
        for ordinal, (member, content) in enumerate(members):
            if content:
                places[content] = (number, ordinal)
            if member.acls and number >= base_layers:
                acls.add(member.entry.path)
        if number + 1 == base_layers:
            base = freeze(tree)
    return LayerStack(base, freeze(tree), frozenset(acls), places, tuple(layers))


class SpooledContents:
    """File contents in one temporary file."""

    def __init__(self, descriptor: int, index: BaseIndex, offsets: dict[bytes, int]) -> None:
        self._descriptor = descriptor
        self._index = index
        self._offsets = offsets

    def open(self, entry: Entry) -> _Piece:
        """Open the content that the tree has at the entry's path."""
        if not entry.size:
            return _Piece(self._descriptor, 0, 0)
        offset = self._offsets.get(self._index.contents[entry.path])
        if offset is None:
            raise InternalError(f"the content of {entry.path!r} was not kept")
        return _Piece(self._descriptor, offset, entry.size)


class _Piece:
    def __init__(self, descriptor: int, offset: int, size: int) -> None:
        self._descriptor = descriptor
        self._offset = offset
        self._left = size

    def readinto(self, buffer: memoryview, /) -> int:
        view = buffer[: self._left]
        count = os.preadv(self._descriptor, [view], self._offset) if self._left else 0
        self._offset += count
        self._left -= count
        return count

    def close(self) -> None:
        pass


@contextmanager
def spooled_contents(
    stack: LayerStack, entries: Iterable[Entry], directory: Path
) -> Iterator[SpooledContents]:
    """Give the contents of the files among `entries` of the final tree, in any order.

    They are read from the layers once more, each content once, into a file below `directory` that
    is deleted afterwards. Raises InputError, and MachineError when the disk is full.
    """
    wanted: dict[int, dict[int, bytes]] = {}
    for entry in entries:
        if entry.kind is Kind.FILE and entry.size:
            content = stack.final.contents[entry.path]
            number, ordinal = stack.places[content]
            wanted.setdefault(number, {})[ordinal] = content
    path = directory / "contents"
    doing = f"cannot keep the files of layers in {directory}"
    with machine_errors(doing):
        file = path.open("x+b")
    with file:
        path.unlink()
        offsets: dict[bytes, int] = {}
        for number, members in sorted(wanted.items()):
            _spool(stack.layers[number], members, file, offsets, doing)
        with machine_errors(doing):
            file.flush()
        yield SpooledContents(file.fileno(), stack.final, offsets)


def _spool(
    layer: LayerBlob,
    wanted: dict[int, bytes],
    file: BinaryIO,
    offsets: dict[bytes, int],
    doing: str,
) -> None:
    for ordinal, member in enumerate(open_blob(layer)):
        content = wanted.get(ordinal)
        if content is None:
            continue
        offsets[content] = file.tell()
        while data := member.content.read():
            with machine_errors(doing):
                file.write(data)
