"""Contents of files that lie inside layers, for what reads them in any order."""

from __future__ import annotations

import io
from collections.abc import Iterable

from samebit.errors import InternalError
from samebit.image.entry import Entry, Kind
from samebit.image.layer_reader import open_blob
from samebit.image.layer_stack import LayerStack
from samebit.image.tree_index import TreeIndex
from samebit.normalisers.apply import Contents
from samebit.normalisers.spool import Spool, Spooled


class LayerContents:
    """Files of a stack of layers, read from them once more into `spool`, each content once.

    Methods raise InputError for a layer that is not any more what it was, and MachineError when the
    disk is full.
    """

    def __init__(self, stack: LayerStack, spool: Spool) -> None:
        self._stack = stack
        self._spool = spool
        self._kept: dict[bytes, Spooled] = {}
        spool.begin()
        self._empty = spool.finish()

    def keep(self, entries: Iterable[Entry]) -> Contents:
        """Get the files among `entries` of the final tree ready; one of the base is when asked."""
        index = self._stack.final
        self._fetch({index.contents[entry.path] for entry in entries if _is_filled(entry)})
        return Contents(self._final, self._base)

    def _final(self, entry: Entry) -> io.RawIOBase:
        return self._open(self._stack.final, entry)

    def _base(self, path: bytes) -> io.RawIOBase:
        base = self._stack.base
        entry = base.entries.get(path)
        if entry is None or entry.kind is not Kind.FILE:
            raise FileNotFoundError(path)
        if _is_filled(entry):
            self._fetch({base.contents[path]})
        return self._open(base, entry)

    def _open(self, index: TreeIndex, entry: Entry) -> io.RawIOBase:
        if not _is_filled(entry):
            return self._spool.open(self._empty)
        kept = self._kept.get(index.contents[entry.path])
        if kept is None:
            raise InternalError(f"the content of {entry.path!r} was not kept")
        return self._spool.open(kept)

    def _fetch(self, contents: set[bytes]) -> None:
        wanted: dict[int, dict[int, bytes]] = {}
        for content in contents - self._kept.keys():
            number, ordinal = self._stack.places[content]
            wanted.setdefault(number, {})[ordinal] = content
        for number, members in sorted(wanted.items()):
            self._read(number, members)

    def _read(self, number: int, wanted: dict[int, bytes]) -> None:
        """Spool members of one layer, whose digest proves at its end that it did not change."""
        layer = self._stack.layers[number]
        for ordinal, member in enumerate(open_blob(layer)):
            content = wanted.get(ordinal)
            if content is None:
                continue
            self._spool.begin()
            while data := member.content.read():
                self._spool.write(data)
            self._kept[content] = self._spool.finish()


def _is_filled(entry: Entry) -> bool:
    # A whiteout is an empty file, too.
    return entry.kind is Kind.FILE and entry.size > 0
