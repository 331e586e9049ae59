"""Reading the engine's rendering of a tree and finding what differs between two of them.

Both trees are walked side by side with lstat, directory by directory, so memory grows with what
changed and not with what is there.

Proof of sameness without reading content: an inode's change time cannot be set by a program, so an
equal (inode, change time) pair in both renderings means the very same, untouched inode. Native
overlay gives lower inodes' numbers and times through, and a changed or re-made file or directory
is a new inode of the upper directory. Where the pair differs, content is compared by hash.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from threading import Event

from samebit.errors import InputError
from samebit.image.entry import Entry, Kind
from samebit.image.own_directory import run_with_own_directory
from samebit.image.xattrs import Xattrs, kept_xattrs
from samebit.model.rendering import Rendering

_CHUNK = 1 << 20
# limits.h: the bytes of a path, its final zero included, and of a name.
_PATH_MAX = 4096
_LONGEST_NAME = 255
_NAME = attrgetter("name")

_KINDS = {
    stat.S_IFREG: Kind.FILE,
    stat.S_IFDIR: Kind.DIRECTORY,
    stat.S_IFLNK: Kind.SYMLINK,
    stat.S_IFCHR: Kind.CHARACTER,
    stat.S_IFBLK: Kind.BLOCK,
    stat.S_IFIFO: Kind.FIFO,
}


@dataclass(frozen=True, slots=True)
class Change:
    """A path whose final entry differs from the base rendering's; `base` is None when added.

    `inode` identifies the hard-link group in the final rendering, None for a single link.
    `changed_ns` is the final entry's change time, which no program can set.
    """

    final: Entry
    base: Entry | None
    content_changed: bool
    inode: tuple[int, int] | None
    changed_ns: int = 0


@dataclass(frozen=True, slots=True)
class TreeDifference:
    """What differs: changed or added paths, removed paths, and the final tree's link groups.

    `links` maps each inode with several names, one of which changed, to its sorted paths;
    `unchanged_links` holds the entries of those paths that are not in `changes`. `dropped_acls`
    lists paths whose access control lists the canonical form does not keep.
    """

    changes: dict[bytes, Change]
    removed: tuple[bytes, ...]
    links: dict[tuple[int, int], tuple[bytes, ...]]
    unchanged_links: dict[bytes, Entry]
    dropped_acls: tuple[bytes, ...]


def compare(base: Rendering | None, final: Rendering) -> TreeDifference:
    """Compare the base's rendering (None: an empty tree without a root) with the final tree.

    Raises InputError when a tree cannot be read.
    """
    walk = _Walk(base, final)
    try:
        run_with_own_directory(walk.run)
    except OSError as error:
        path = walk.place(error)
        if error.errno == errno.ENAMETOOLONG:
            raise InputError(
                f"a path of {len(path)} bytes is too long to be read:"
                f" {os.fsdecode(path[:60])!r} and so on",
                fix="engines cannot unpack such a path: nest fewer directories",
            ) from error
        raise InputError(
            f"cannot read the engine's tree at {os.fsdecode(path)!r}: {error.strerror}",
            fix="this is usually a full disk or a storage that another program changes",
        ) from error
    return walk.result()


class _Walk:
    def __init__(self, base: Rendering | None, final: Rendering) -> None:
        self._base = base
        self._final = final
        self._prune = final.overlay and base is not None and base.overlay
        self._changes: dict[bytes, Change] = {}
        self._removed: list[bytes] = []
        self._links: dict[tuple[int, int], list[bytes]] = {}
        self._unchanged: dict[bytes, Entry] = {}
        self._acls: list[bytes] = []
        self._directory = b""

    def run(self, own_directory: bool, interrupted: Event) -> None:
        """Look at everything; `own_directory`: the working directory is this thread's alone."""
        pending: list[bytes] = []
        final_status = os.lstat(self._final.root)
        base_status = os.lstat(self._base.root) if self._base else None
        if self._visit(b"", self._final.root, final_status, base_status):
            pending.append(b"")
        while pending and not interrupted.is_set():
            directory = self._directory = pending.pop()
            base_names = self._base_names(directory)
            where = _join(self._final.root, directory)
            if own_directory:
                os.chdir(where)
                where = b"."
            with os.scandir(where) as found:
                entries = sorted(found, key=_NAME)
            _require_short(self._final.root, directory, entries)
            for name in sorted(base_names.difference(map(_NAME, entries))):
                self._removed.append(_child(directory, name))
            for entry in entries:
                name = entry.name
                path = _child(directory, name)
                before = None
                if self._base and name in base_names:
                    before = os.lstat(_join(self._base.root, path))
                status = entry.stat(follow_symlinks=False)
                if self._visit(path, entry.path, status, before):
                    pending.append(path)

    def place(self, error: OSError) -> bytes:
        """Give the path in the tree that an error is about, with a leading slash."""
        path = os.fsencode(error.filename or b"")
        for rendering in (self._base, self._final):
            if rendering is not None and path.startswith(rendering.root):
                return path[len(rendering.root) :]
        return b"/" + _child(self._directory, path.removeprefix(b"./"))

    def result(self) -> TreeDifference:
        links: dict[tuple[int, int], tuple[bytes, ...]] = {}
        unchanged: dict[bytes, Entry] = {}
        for inode, paths in sorted(self._links.items(), key=lambda item: min(item[1])):
            if len(paths) < 2 or not any(path in self._changes for path in paths):
                continue
            links[inode] = tuple(sorted(paths))
            for path in paths:
                if path not in self._changes:
                    unchanged[path] = self._unchanged[path]
        return TreeDifference(
            self._changes,
            tuple(sorted(self._removed)),
            links,
            unchanged,
            tuple(sorted(self._acls)),
        )

    def _base_names(self, directory: bytes) -> set[bytes]:
        if self._base is None:
            return set()
        change = self._changes.get(directory)
        if change is not None and (change.base is None or change.base.kind is not Kind.DIRECTORY):
            return set()
        return set(os.listdir(_join(self._base.root, directory)))

    def _visit(
        self, path: bytes, full: bytes, status: os.stat_result, before: os.stat_result | None
    ) -> bool:
        """Record what differs at `path`, which is found at `full`.

        True when its children have to be looked at.
        """
        kind = _KINDS.get(stat.S_IFMT(status.st_mode))
        if kind is None:
            # A socket: no layer format can hold one. If it took a base entry's place, that is gone.
            if before is not None:
                self._removed.append(path)
            return False
        linked = kind is not Kind.DIRECTORY and status.st_nlink > 1
        inode = (status.st_dev, status.st_ino) if linked else None
        same_inode = (
            before is not None
            and before.st_ino == status.st_ino
            and before.st_ctime_ns == status.st_ctime_ns
            and before.st_mode == status.st_mode
        )
        if same_inode and not linked:
            return kind is Kind.DIRECTORY and not self._prune
        entry = _entry(path, full, status, self._acls)
        assert entry is not None
        if inode is not None:
            self._links.setdefault(inode, []).append(path)
        base_entry = None
        if before is not None and self._base is not None:
            base_entry = _entry(path, _join(self._base.root, path), before, None)
        changed = base_entry is None or entry != base_entry
        content_changed = base_entry is None or base_entry.kind is not kind
        if (
            not same_inode
            and not content_changed
            and kind is Kind.FILE
            and base_entry is not None
            and self._base is not None
        ):
            content_changed = entry.size != base_entry.size or _hash(full) != _hash(
                _join(self._base.root, path)
            )
        if changed or content_changed:
            self._changes[path] = Change(
                entry, base_entry, content_changed, inode, status.st_ctime_ns
            )
        elif inode is not None:
            self._unchanged[path] = entry
        return kind is Kind.DIRECTORY


def _entry(
    path: bytes, full: bytes, status: os.stat_result, acls: list[bytes] | None
) -> Entry | None:
    kind = _KINDS.get(stat.S_IFMT(status.st_mode))
    if kind is None:
        return None
    xattrs: Xattrs = ()
    found = _read_xattrs(full)
    if found:
        xattrs, dropped = kept_xattrs(found, os.fsdecode(b"/" + path))
        if dropped and acls is not None:
            acls.append(path)
    device = (0, 0)
    if kind in (Kind.CHARACTER, Kind.BLOCK):
        device = (os.major(status.st_rdev), os.minor(status.st_rdev))
    # By position, which takes half the time.
    return Entry(
        path,
        kind,
        0o777 if kind is Kind.SYMLINK else stat.S_IMODE(status.st_mode),
        status.st_uid,
        status.st_gid,
        status.st_size if kind is Kind.FILE else 0,
        os.readlink(full) if kind is Kind.SYMLINK else b"",
        device,
        xattrs,
    )


def _read_xattrs(full: bytes) -> list[tuple[bytes, bytes]]:
    try:
        names = os.listxattr(full, follow_symlinks=False)
    except OSError:
        # The file system has none.
        return []
    if not names:
        return []
    return [(os.fsencode(name), os.getxattr(full, name, follow_symlinks=False)) for name in names]


def _hash(full: bytes) -> bytes:
    digest = hashlib.sha256()
    with Path(os.fsdecode(full)).open("rb", buffering=0) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()


def _require_short(root: bytes, directory: bytes, entries: Sequence[os.DirEntry[bytes]]) -> None:
    """Refuse paths that nobody finds by their whole name. Raises OSError."""
    above = len(root) + len(directory) + 2
    for entry in entries if above + _LONGEST_NAME >= _PATH_MAX else ():
        if above + len(entry.name) >= _PATH_MAX:
            path = _join(root, _child(directory, entry.name))
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)


def _join(root: bytes, path: bytes) -> bytes:
    return root + b"/" + path if path else root


def _child(directory: bytes, name: bytes) -> bytes:
    return directory + b"/" + name if directory else name
