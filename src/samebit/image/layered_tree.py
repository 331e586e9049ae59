"""Applying layers one upon another (image-spec layer.md, "Applying Changesets").

Where the specification leaves room, this is what native overlay shows: each layer is unpacked on
its own and hides what is below it.
"""

from __future__ import annotations

from collections.abc import Iterator

from samebit.errors import InputError
from samebit.image.entry import Entry, Kind
from samebit.image.whiteout import AUFS_PREFIX, OPAQUE, PREFIX
from samebit.image.xattrs import Xattrs

_IMPLIED_MODE = 0o755
# A short entry can imply thousands of directories with long names.
_MAX_IMPLIED = 64 << 20


class Inode:
    """What the names of one hard-link group share. `content` is the sha256 of a file's bytes."""

    __slots__ = (
        *("content", "device", "gid", "kind", "link", "linked", "mode", "size", "uid", "xattrs"),
    )

    def __init__(self, entry: Entry, content: bytes) -> None:
        self.kind = entry.kind
        self.mode = entry.mode
        self.uid = entry.uid
        self.gid = entry.gid
        self.size = entry.size
        self.link = entry.link
        self.device = entry.device
        self.xattrs: Xattrs = entry.xattrs
        self.content = content
        # Whether there ever was a second name.
        self.linked = False

    def entry(self, path: bytes) -> Entry:
        """Give the entry of this inode at `path`."""
        return Entry(
            path,
            self.kind,
            self.mode,
            self.uid,
            self.gid,
            self.size,
            self.link,
            self.device,
            self.xattrs,
        )


_NONE: frozenset[bytes] = frozenset()


class _Node:
    __slots__ = ("children", "inode", "layer")

    def __init__(self, inode: Inode, layer: int) -> None:
        self.inode = inode
        self.layer = layer
        # Most paths are files, and a set takes more memory than all the rest of a node.
        self.children: set[bytes] | frozenset[bytes] = _NONE

    def add(self, child: bytes) -> None:
        if isinstance(self.children, frozenset):
            self.children = set()
        self.children.add(child)

    def discard(self, child: bytes) -> None:
        if isinstance(self.children, set):
            self.children.discard(child)


def _implied(path: bytes) -> Inode:
    return Inode(Entry(path, Kind.DIRECTORY, _IMPLIED_MODE), b"")


class LayeredTree:
    """A tree under construction: for each layer `begin`, then `add` for its entries, then `end`."""

    def __init__(self) -> None:
        self._nodes = {b"": _Node(_implied(b""), 0)}
        self._has_root = False
        self._layer = 0
        self._what = ""
        self._whiteouts: set[bytes] = set()
        self._opaque: set[bytes] = set()
        self._implied = 0

    def begin(self, what: str) -> None:
        """Start the next layer, named `what` in errors."""
        self._layer += 1
        self._what = what

    def add(self, entry: Entry, content: bytes) -> None:
        """Apply one entry of the current layer; `content` is the sha256 of a file's bytes, or b"".

        Raises InputError when it stands below something that is no directory in this layer, or
        links to what is not there.
        """
        path = entry.path
        if not path:
            self._has_root = True
            self._nodes[b""].inode = Inode(entry, b"")
            return
        parent, slash, name = path.rpartition(b"/")
        if name.startswith(PREFIX):
            self._add_whiteout(parent, slash, name)
            return
        inode = self._linked(entry) if entry.kind is Kind.HARDLINK else Inode(entry, content)
        old = self._nodes.get(path)
        if old is not None and entry.kind is Kind.DIRECTORY and old.inode.kind is Kind.DIRECTORY:
            old.inode = inode
            old.layer = self._layer
            return
        if old is not None:
            self._remove(path)
        self._directory(parent).add(path)
        self._nodes[path] = _Node(inode, self._layer)

    def end(self) -> None:
        """Finish the layer: its whiteouts hide what lower layers hold, never its own entries."""
        whiteouts, opaque = self._whiteouts, self._opaque
        self._whiteouts, self._opaque = set(), set()
        covered: bytes | None = None
        # With "/" sorting first, what is below a path follows it at once, and what an ancestor
        # hides already does not cost a second walk.
        for path in sorted(whiteouts | opaque, key=lambda path: path.replace(b"/", b"\0")):
            if covered is not None and (not covered or path.startswith(covered + b"/")):
                continue
            covered = path
            if path in whiteouts:
                self._hide(path)
            elif (node := self._nodes.get(path)) is not None:
                for child in sorted(node.children):
                    self._hide(child)

    def inodes(self) -> Iterator[tuple[bytes, Inode]]:
        """Give every path with its inode, in bytewise order; the root only if a layer had it."""
        for path in sorted(self._nodes):
            if path or self._has_root:
                yield path, self._nodes[path].inode

    def _add_whiteout(self, parent: bytes, slash: bytes, name: bytes) -> None:
        if name == OPAQUE:
            self._opaque.add(parent)
        elif not name.startswith(AUFS_PREFIX):
            removed = name[len(PREFIX) :]
            if removed in (b"", b".", b".."):
                raise InputError(f"{self._what}: the whiteout {parent + slash + name!r} is invalid")
            self._whiteouts.add(parent + slash + removed)

    def _linked(self, entry: Entry) -> Inode:
        target = self._nodes.get(entry.link)
        if target is None or target.inode.kind is Kind.DIRECTORY:
            raise InputError(
                f"{self._what}: entry {entry.path!r} is a hard link to {entry.link!r}, "
                "which is not a file here"
            )
        inode = target.inode
        inode.linked = True
        if inode.kind is not Kind.SYMLINK:
            # Unpackers set a link's attributes too, and so those of the whole group.
            inode.mode, inode.uid, inode.gid = entry.mode, entry.uid, entry.gid
            if entry.xattrs:
                inode.xattrs = tuple(sorted({**dict(inode.xattrs), **dict(entry.xattrs)}.items()))
        return inode

    def _directory(self, path: bytes) -> _Node:
        """Give the directory at `path`, making what is missing as unpackers do."""
        node = self._nodes.get(path)
        if node is not None and node.inode.kind is Kind.DIRECTORY:
            return node
        missing = [path]
        for above in _ancestors(path):
            node = self._nodes.get(above)
            if node is not None and node.inode.kind is Kind.DIRECTORY:
                break
            missing.append(above)
        for made in reversed(missing):
            node = self._nodes.get(made)
            if node is not None:
                if node.layer == self._layer:
                    raise InputError(
                        f"{self._what}: {made!r} is no directory, yet entries stand below it"
                    )
                self._remove(made)
            self._implied += len(made)
            if self._implied > _MAX_IMPLIED:
                raise InputError(f"{self._what}: too many directories without entries of their own")
            node = _Node(_implied(made), self._layer)
            self._nodes[made] = node
            self._nodes[made.rpartition(b"/")[0]].add(made)
        assert node is not None
        return node

    def _remove(self, path: bytes) -> None:
        self._nodes[path.rpartition(b"/")[0]].discard(path)
        for below in self._subtree(path):
            del self._nodes[below]

    def _hide(self, path: bytes) -> None:
        for below in reversed(self._subtree(path)):
            node = self._nodes[below]
            if node.layer == self._layer:
                continue
            if node.children:
                # This layer has entries below a directory that it removes and does not make anew.
                node.inode = _implied(below)
                node.layer = self._layer
            else:
                del self._nodes[below]
                self._nodes[below.rpartition(b"/")[0]].discard(below)

    def _subtree(self, path: bytes) -> list[bytes]:
        """Give `path` and all below it, each after its directory; nothing when it is absent."""
        if path not in self._nodes:
            return []
        found = [path]
        for below in found:
            found.extend(self._nodes[below].children)
        return found


def _ancestors(path: bytes) -> Iterator[bytes]:
    """Give the directories above `path`, the nearest first, the root last."""
    while path:
        path = path.rpartition(b"/")[0]
        yield path
