"""Applying normalisers to the entries of a layer, before it is written.

Only what the build added or changed is looked at, and whiteouts never: that a base's file is gone
is what the Dockerfile says. Names are matched first; a file's first bytes are read only where a
normaliser that fits its name asks for them.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from samebit.image.entry import Entry, Kind
from samebit.image.layer_writer import Content
from samebit.image.whiteout import Whiteout, removed_path
from samebit.model.normalising import Account, LeftAlone, NormalisedFile, Secret
from samebit.normalisers.owned import OwnedPaths, find_owned
from samebit.normalisers.protocol import HEAD, Action, Facts, Normaliser
from samebit.normalisers.selection import NormaliserSelection
from samebit.normalisers.spool import Spool, Spooled

_CHUNK = 1 << 20


class Base(Protocol):
    """What is known of the base: samebit.image.tree_index.TreeIndex."""

    @property
    def entries(self) -> Mapping[bytes, Entry]:
        """The base's entries by path."""

    @property
    def contents(self) -> Mapping[bytes, bytes]:
        """The sha256 (32 bytes) of every file's content, by path."""


@dataclass(frozen=True, slots=True)
class Contents:
    """How contents are read: a file of the final tree by its entry, a file of the base by path.

    Both give unbuffered files and raise OSError. `base` may be unable to read any. `whole`, if
    given, opens a file of the final tree to be read once from its start, faster.
    """

    final: Callable[[Entry], io.RawIOBase]
    base: Callable[[bytes], io.RawIOBase]
    whole: Callable[[Entry], Content] | None = None


@dataclass(frozen=True, slots=True)
class Normalised:
    """A layer's entries after normalising, in bytewise order of paths, and what was done.

    `open_content` gives the content of one of `entries`; it lasts as long as the spool.
    """

    entries: tuple[Entry, ...]
    open_content: Callable[[Entry], Content]
    account: Account


def normalise(
    entries: Sequence[Entry],
    base: Base,
    contents: Contents,
    selection: NormaliserSelection,
    *,
    epoch: int,
    spool: Spool,
    scratch: Path,
    given: Collection[bytes] = (),
) -> Normalised:
    """Normalise the entries of a layer that stands on `base`.

    Files whose sha256 (32 bytes) is in `given` are inputs of the build, not results: they are never
    rewritten. `entries` are as image.delta makes them. `epoch` is in seconds, `scratch` a directory
    for temporary files. Raises OSError when a file cannot be read, MachineError for a full disk.
    """
    run = _Run(
        entries=entries,
        base=base,
        contents=contents,
        selection=selection,
        epoch=epoch,
        spool=spool,
        scratch=scratch,
        given=given,
    )
    return run.result()


class _Run:
    def __init__(
        self,
        *,
        entries: Sequence[Entry],
        base: Base,
        contents: Contents,
        selection: NormaliserSelection,
        epoch: int,
        spool: Spool,
        scratch: Path,
        given: Collection[bytes],
    ) -> None:
        self._base = base
        self._contents = contents
        self._selection = selection
        self._epoch = epoch
        self._spool = spool
        self._scratch = scratch
        self._given = frozenset(given)
        self._entries = {entry.path: entry for entry in entries}
        self._groups: dict[bytes, list[bytes]] = {}
        for entry in entries:
            if entry.kind is Kind.HARDLINK:
                self._groups.setdefault(entry.link, [entry.link]).append(entry.path)
        self._owned = OwnedPaths(frozenset())
        self._rewriters: list[tuple[Entry, Normaliser]] = []
        self._spooled: dict[bytes, Spooled] = {}
        self._files: list[NormalisedFile] = []
        self._left: list[LeftAlone] = []

    def result(self) -> Normalised:
        self._owned = find_owned(self._entries.values(), self._source)
        self._take_away()
        self._keep_needed_directories()
        trees = _LayerTrees(self._entries, self._base, self._contents)
        before = len(self._entries)
        for entry, normaliser in self._rewriters:
            self._rewrite(entry, normaliser, trees)
        if len(self._entries) != before:
            self._keep_needed_directories()
        kept = tuple(self._entries[path] for path in sorted(self._entries))
        return Normalised(
            entries=kept,
            open_content=self._open_whole,
            account=Account(
                files=tuple(sorted(self._files, key=lambda file: file.path)),
                left=tuple(self._left),
                secrets=tuple(self._secrets(kept, trees)),
            ),
        )

    def _open_whole(self, entry: Entry) -> Content:
        if self._contents.whole is None or entry.path in self._spooled:
            return self._open(entry)
        return self._contents.whole(entry)

    def _open(self, entry: Entry) -> io.RawIOBase:
        spooled = self._spooled.get(entry.path)
        return self._spool.open(spooled) if spooled is not None else self._contents.final(entry)

    def _take_away(self) -> None:
        """Let go what shall vanish, and note what shall be rewritten."""
        directories: list[tuple[Entry, Normaliser]] = []
        for entry in list(self._entries.values()):
            if isinstance(entry, Whiteout) or entry.kind is Kind.HARDLINK:
                continue
            names = self._groups.get(entry.path, [entry.path])
            found = [self._choose(entry, name) for name in names]
            if entry.kind is Kind.DIRECTORY:
                if found[0] is not None:
                    directories.append((entry, found[0]))
                continue
            gone = [one for one in found if one is not None and one.action is not Action.REWRITE]
            if len(gone) == len(names):
                for name in names:
                    del self._entries[name]
                self._note(entry, gone[0], None)
                continue
            rewriters = [one for one in found if one is not None and one.action is Action.REWRITE]
            if rewriters and (
                rewriters[0].made_here
                or rewriters[0].asked
                or not any(name in self._owned for name in names)
            ):
                self._rewriters.append((entry, rewriters[0]))
        children = Counter(path.rpartition(b"/")[0] for path in self._entries)
        # From below: a directory of the build's own can go once nothing is left in it.
        for entry, normaliser in reversed(directories):
            if entry.path not in self._entries:
                continue
            below = self._base.entries.get(entry.path)
            if below is not None and below.kind is Kind.DIRECTORY:
                if below != entry:
                    self._entries[entry.path] = below
                    self._note(entry, normaliser, None)
            elif not children[entry.path]:
                del self._entries[entry.path]
                children[entry.path.rpartition(b"/")[0]] -= 1
                self._note(entry, normaliser, None)

    def _choose(self, entry: Entry, name: bytes) -> Normaliser | None:
        named = entry if name == entry.path else replace(entry, path=name)
        marks = self._selection.marks
        found = self._find(name, everywhere=marks is None)
        if entry.kind is not Kind.FILE:
            return next((one for one in found if _takes_all_kinds(one, named)), None)
        # Removing ones come first, and most need no look at the content.
        if found and _takes_all_kinds(found[0], named):
            return found[0]
        wanted = marks is not None or any(one.reads() for one in found)
        head = self._head(entry) if wanted else b""
        if marks is not None and marks.match(head):
            found = self._find(name)
        return next((one for one in found if one.recognises(named, head)), None)

    def _find(self, name: bytes, *, everywhere: bool = True) -> list[Normaliser]:
        found = self._selection.find(name, everywhere=everywhere)
        return [one for one in found if not one.private or self._is_private(one, name)]

    def _is_private(self, normaliser: Normaliser, name: bytes) -> bool:
        assert normaliser.only is not None
        match = normaliser.only.fullmatch(name)
        top = self._entries.get(match[1]) if match else None
        return top is not None and not isinstance(top, Whiteout) and not top.mode & 0o077

    def _head(self, entry: Entry) -> bytes:
        if not entry.size:
            return b""
        with self._contents.final(entry) as file:
            return file.read(HEAD) or b""

    def _rewrite(self, entry: Entry, normaliser: Normaliser, trees: _LayerTrees) -> None:
        assert normaliser.rewrite is not None
        facts = Facts(self._epoch, entry, trees, self._scratch)
        self._spool.begin()
        with _buffered(self._contents.final(entry)) as source:
            changed = normaliser.rewrite(source, entry.size, self._spool.write, facts)
        if (changed or facts.remarks) and not normaliser.asked and self._is_given(entry):
            return
        self._left += [LeftAlone(entry.path, normaliser.name, why) for why in facts.remarks]
        if not changed:
            return
        spooled = self._spool.finish()
        new = replace(entry, size=spooled.size)
        if entry.path not in self._groups and self._is_base(new, spooled):
            del self._entries[entry.path]
            self._note(entry, normaliser, None)
            return
        self._spooled[entry.path] = spooled
        self._entries[entry.path] = new
        self._note(entry, normaliser, spooled.size)

    def _is_given(self, entry: Entry) -> bool:
        if not self._given:
            return False
        with self._contents.final(entry) as file:
            return _sha256(file) in self._given

    def _is_base(self, entry: Entry, spooled: Spooled) -> bool:
        """Tell whether noise was all that the build changed in a file of the base."""
        if self._base.entries.get(entry.path) != entry:
            return False
        with self._spool.open(spooled) as file:
            return self._base.contents.get(entry.path) == _sha256(file)

    def _note(self, entry: Entry, normaliser: Normaliser, after: int | None) -> None:
        self._files.append(
            NormalisedFile(entry.path, normaliser.name, normaliser.action.value, entry.size, after)
        )

    def _keep_needed_directories(self) -> None:
        """Drop the directories that are as in the base and above nothing that is left."""
        needed: set[bytes] = set()
        for path in sorted(self._entries, reverse=True):
            entry = self._entries[path]
            if (
                entry.kind is Kind.DIRECTORY
                and path not in needed
                and self._base.entries.get(path) == entry
            ):
                del self._entries[path]
            else:
                needed.add(path.rpartition(b"/")[0])

    def _secrets(self, entries: Iterable[Entry], trees: _LayerTrees) -> Iterable[Secret]:
        for entry in entries:
            if isinstance(entry, Whiteout) or entry.kind not in {Kind.FILE, Kind.SYMLINK}:
                continue
            head: bytes | None = None
            for name in self._groups.get(entry.path, [entry.path]):
                for detector in self._selection.detectors.find(name):
                    if detector.magic and head is None:
                        head = self._head(entry) if entry.kind is Kind.FILE else b""
                    if not detector.recognises(head or b""):
                        continue
                    facts = Facts(self._epoch, replace(entry, path=name), trees, self._scratch)
                    with self._source(entry) as source:
                        what = detector.inspect(source, entry.size, facts)
                    if what is not None:
                        yield Secret(name, detector.name, what, detector.fix)

    def _source(self, entry: Entry) -> BinaryIO:
        if entry.kind is not Kind.FILE:
            return io.BytesIO()
        return _buffered(self._open(entry))


@dataclass(frozen=True, slots=True)
class _LayerTrees:
    """The image as it will be; `layer` still shrinks while this is used."""

    layer: Mapping[bytes, Entry]
    base: Base
    contents: Contents

    def entry(self, path: bytes) -> Entry | None:
        found = self.layer.get(path)
        if found is not None:
            return None if isinstance(found, Whiteout) else found
        below = self.base.entries.get(path)
        return below if below is not None and self._shows_base(path) else None

    def in_layer(self, path: bytes) -> bool:
        return path in self.layer and not isinstance(self.layer[path], Whiteout)

    def mtime(self, path: bytes) -> int | None:
        file = self.open(path)
        if file is None:
            return None
        with file:
            try:
                return os.fstat(file.fileno()).st_mtime_ns // 1_000_000_000
            except OSError:
                # Not a file of a tree on disk (io.UnsupportedOperation).
                return None

    def open(self, path: bytes) -> BinaryIO | None:
        found = self.layer.get(path)
        if found is not None and found.kind is Kind.HARDLINK:
            found = self.layer.get(found.link)
        if found is None:
            return self.open_base(path) if self._shows_base(path) else None
        if found.kind is not Kind.FILE or isinstance(found, Whiteout):
            return None
        return _buffered(self.contents.final(found))

    def base_entry(self, path: bytes) -> Entry | None:
        return self.base.entries.get(path)

    def open_base(self, path: bytes) -> BinaryIO | None:
        entry = self.base.entries.get(path)
        if entry is None or entry.kind is not Kind.FILE:
            return None
        with suppress(OSError):
            return _buffered(self.contents.base(path))
        return None

    def _shows_base(self, path: bytes) -> bool:
        """Tell whether nothing of the layer hides what the base has at `path`."""
        while path:
            parent, slash, name = path.rpartition(b"/")
            gone = self.layer.get(parent + slash + b".wh." + name)
            if isinstance(gone, Whiteout) and removed_path(gone.path) == path:
                return False
            found = self.layer.get(parent)
            if found is not None and found.kind is not Kind.DIRECTORY:
                return False
            path = parent
        return True


def _takes_all_kinds(normaliser: Normaliser, entry: Entry) -> bool:
    rewrites = normaliser.action is Action.REWRITE
    return not rewrites and not normaliser.reads() and normaliser.recognises(entry, b"")


def _sha256(file: io.RawIOBase) -> bytes:
    digest = hashlib.sha256()
    while data := file.read(_CHUNK):
        digest.update(data)
    return digest.digest()


def _buffered(file: io.RawIOBase) -> BinaryIO:
    return io.BufferedReader(file)


def open_regular(root: bytes, path: bytes) -> io.FileIO:
    """Open a regular file of a tree below `root`, never through a link. Raises OSError."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    return io.FileIO(root + b"/" + path, "rb", opener=lambda name, _: os.open(name, flags))
