"""The tree that is audited: every path with its facts, wherever it came from."""

from __future__ import annotations

import posixpath
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from samebit.image.entry import Kind
from samebit.model.executable import Executable, Linkage

_MAX_SYMLINKS = 40


class Node(NamedTuple):
    """A path. `facts` are None for what is no executable, `text` for what nobody reads here.

    `inode` is equal for hard links of one file. `source` is the number of what brought it, None
    outside of images. `digest` is the sha256 of a file's content where it is known.
    A tuple, because an image has tens of thousands and a dataclass takes ten times as long to make.
    """

    kind: Kind
    size: int
    inode: int
    link: bytes = b""
    mode: int = 0
    source: int | None = None
    facts: Executable | None = None
    text: bytes | None = None
    digest: bytes | None = None


@dataclass(frozen=True)
class AuditTree:
    """A final tree. Paths are relative to the root, in bytewise order."""

    nodes: Mapping[bytes, Node]
    _real: dict[bytes, bytes | None] = field(default_factory=dict)
    _paths: list[bytes] = field(default_factory=list)
    _by_name: dict[bytes, set[tuple[int, int, int]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._paths.extend(self.nodes)
        for path, node in self.nodes.items():
            linkage = node.facts.linkage if node.facts is not None else None
            if linkage is not None:
                for name in {posixpath.basename(path), linkage.soname}:
                    self._by_name.setdefault(name, set()).add(linkage.machine)

    def resolve(self, path: bytes) -> bytes | None:
        """Give the real path of a regular file, through symlinks inside the tree; None if none."""
        if path not in self._real:
            found = self._walk(path)
            node = self.nodes.get(found) if found is not None else None
            self._real[path] = found if node is not None and node.kind is Kind.FILE else None
        return self._real[path]

    def linkage(self, path: bytes) -> Linkage | None:
        """Give what the loader reads of a file, by its real path; None when it is no ELF file."""
        facts = self.nodes[path].facts
        return facts.linkage if facts is not None else None

    def text(self, path: bytes) -> bytes | None:
        """Give the content of a configuration file that was kept, None when it is not there."""
        found = self.resolve(path)
        return self.nodes[found].text if found is not None else None

    def names(self, folder: bytes) -> Sequence[bytes]:
        """Give the sorted names in a folder."""
        real = self._walk(folder)
        if real is None:
            return ()
        prefix = real + b"/" if real else b""
        return [path[len(prefix) :] for path in self.below(real) if b"/" not in path[len(prefix) :]]

    def below(self, folder: bytes) -> Sequence[bytes]:
        """Give every path below a real folder, at any depth."""
        if not folder:
            return [path for path in self._paths if path]
        first = bisect_left(self._paths, folder + b"/")
        return self._paths[first : bisect_left(self._paths, folder + b"0")]

    def has_name(self, name: bytes, machine: tuple[int, int, int]) -> bool:
        """Say whether a library of that file name or SONAME is anywhere."""
        return machine in self._by_name.get(name, ())

    def _walk(self, path: bytes) -> bytes | None:
        pending = [part for part in reversed(path.split(b"/")) if part not in (b"", b".")]
        here = b""
        links = 0
        while pending:
            part = pending.pop()
            if part == b"..":
                here = posixpath.dirname(here)
                continue
            there = here + b"/" + part if here else part
            node = self.nodes.get(there)
            if node is None:
                return None
            if node.kind is not Kind.SYMLINK:
                here = there
                continue
            links += 1
            if links > _MAX_SYMLINKS:
                return None
            if node.link.startswith(b"/"):
                here = b""
            pending += [p for p in reversed(node.link.split(b"/")) if p not in (b"", b".")]
        return here
