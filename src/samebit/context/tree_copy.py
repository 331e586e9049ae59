"""Copying parts of a file tree faithfully: owners, modes, xattrs, hard links; never following."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from dataclasses import dataclass, field

from samebit.context.patterns import PatternList
from samebit.dockerfile.lowering_modes import ModeChange
from samebit.errors import InputError, MachineError, Place

_LINK_LIMIT = 255


class NotInTreeError(Exception):
    """A path that does not exist below the root, or whose symlinks go round in a circle."""


def resolve(root: bytes, path: bytes, *, follow_last: bool = True) -> bytes:
    """Give `path` relative to `root` with all symlinks resolved as if `root` were `/`.

    `..` never leaves `root`. Raises NotInTreeError when a component is missing.
    """
    todo = [part for part in path.split(b"/") if part not in (b"", b".")][::-1]
    done: list[bytes] = []
    links = 0
    while todo:
        part = todo.pop()
        if part == b"..":
            del done[-1:]
            continue
        here = os.path.join(root, *done, part)
        try:
            mode = os.lstat(here).st_mode
        except OSError as error:
            raise NotInTreeError(path) from error
        if not stat.S_ISLNK(mode) or (not todo and not follow_last):
            if todo and not stat.S_ISDIR(mode):
                raise NotInTreeError(path)
            done.append(part)
            continue
        links += 1
        if links > _LINK_LIMIT:
            raise NotInTreeError(path)
        target = os.readlink(here)
        if target.startswith(b"/"):
            done.clear()
        todo.extend(part for part in target.split(b"/")[::-1] if part not in (b"", b"."))
    return b"/".join(done)


@dataclass(slots=True)
class TreeCopier:
    """Copies entries below `root` to places below `destination`.

    `chmod` is applied to files and directories, not to symlinks. Names that one inode has in the
    source are hard links in the copy too. `place` is named when something cannot be copied.
    """

    root: bytes
    destination: bytes
    place: Place
    chmod: ModeChange | None = None
    _links: dict[tuple[int, int], bytes] = field(default_factory=dict)
    _directories: list[tuple[bytes, os.stat_result, int]] = field(default_factory=list)

    def entry(self, source: bytes, target: bytes) -> None:
        """Copy one entry, a directory without what it holds; replaces a file that is there."""
        origin = os.path.join(self.root, source) if source else self.root
        copy = os.path.join(self.destination, target) if target else self.destination
        try:
            self._entry(origin, copy)
        except OSError as error:
            raise self._failed(origin, error) from error

    def tree(
        self, source: bytes, target: bytes, include: PatternList | None, exclude: PatternList
    ) -> bool:
        """Copy what a directory holds; gives whether anything was copied.

        The patterns are relative to `source`; without `include` everything is included. Parents of
        what is included come with it.
        """
        copied = False
        # Directories passed on the way to something included are made when that is found.
        made = {b""}
        stack = [(b"", include.root if include else None, exclude.root)]
        while stack:
            below, state_in, state_out = stack.pop()
            for name in self._names(_join(source, below)):
                path = _join(below, name)
                text = os.fsdecode(path)
                wanted, next_in = True, None
                if include is not None and state_in is not None:
                    wanted, next_in = include.enter(text, state_in)
                excluded, next_out = exclude.enter(text, state_out)
                is_directory = _is_directory(os.path.join(self.root, _join(source, path)))
                if wanted and not excluded:
                    self._make_parents(source, target, path, made)
                    self.entry(_join(source, path), _join(target, path))
                    copied = True
                    if is_directory:
                        made.add(path)
                if (
                    is_directory
                    and (not excluded or exclude.may_release_below(text, next_out))
                    and (wanted or include is None or include.may_match_below(text))
                ):
                    stack.append((path, next_in, next_out))
        return copied

    def finish(self) -> None:
        """Give directories their modes and times, after all that is in them is there."""
        for path, status, mode in reversed(self._directories):
            try:
                os.chmod(path, mode)
                os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
            except OSError as error:
                raise self._failed(path, error) from error
        self._directories.clear()

    def _names(self, directory: bytes) -> list[bytes]:
        path = os.path.join(self.root, directory)
        try:
            return sorted(os.listdir(path))
        except OSError as error:
            raise self._failed(path, error) from error

    def _make_parents(self, source: bytes, target: bytes, path: bytes, made: set[bytes]) -> None:
        parts = path.split(b"/")[:-1]
        for count in range(1, len(parts) + 1):
            parent = b"/".join(parts[:count])
            if parent not in made:
                self.entry(_join(source, parent), _join(target, parent))
                made.add(parent)

    def _entry(self, origin: bytes, copy: bytes) -> None:
        status = os.lstat(origin)
        kind = stat.S_IFMT(status.st_mode)
        mode = stat.S_IMODE(status.st_mode)
        if self.chmod is not None and kind != stat.S_IFLNK:
            mode = self.chmod.apply(mode, directory=kind == stat.S_IFDIR)
        if kind == stat.S_IFDIR:
            self._directory(origin, copy, status, mode)
            return
        if os.path.lexists(copy):
            os.unlink(copy)
        key = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and key in self._links and os.path.lexists(self._links[key]):
            os.link(self._links[key], copy, follow_symlinks=False)
            return
        if kind == stat.S_IFREG:
            _copy_file(origin, copy)
        elif kind == stat.S_IFLNK:
            os.symlink(os.readlink(origin), copy)
        elif kind == stat.S_IFSOCK:
            return
        else:
            os.mknod(copy, mode | kind, status.st_rdev)
        self._links[key] = copy
        _copy_owner(copy, status)
        if kind != stat.S_IFLNK:
            os.chmod(copy, mode)
        # After chown, which drops file capabilities.
        _copy_xattrs(origin, copy)
        os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)

    def _directory(self, origin: bytes, copy: bytes, status: os.stat_result, mode: int) -> None:
        try:
            os.mkdir(copy, 0o700)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(copy).st_mode):
                raise
        _copy_owner(copy, status)
        _copy_xattrs(origin, copy)
        self._directories.append((copy, status, mode))

    def _failed(self, path: bytes, error: OSError) -> InputError | MachineError:
        name = os.fsdecode(path.removeprefix(self.root)) or "/"
        what = f"{name} cannot be copied: {error.strerror}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return MachineError(what, where=self.place, fix="free some space")
        if error.errno == errno.EPERM:
            return MachineError(
                what, where=self.place, fix="run as root, or inside `buildah unshare`"
            )
        return InputError(what, where=self.place)


def _join(base: bytes, path: bytes) -> bytes:
    return base + b"/" + path if base and path else base or path


def _is_directory(path: bytes) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _copy_file(origin: bytes, copy: bytes) -> None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with (
        os.fdopen(os.open(origin, flags), "rb") as source,
        os.fdopen(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as target,
    ):
        shutil.copyfileobj(source, target, 1 << 20)


def _copy_owner(copy: bytes, status: os.stat_result) -> None:
    now = os.lstat(copy)
    if (now.st_uid, now.st_gid) != (status.st_uid, status.st_gid):
        os.chown(copy, status.st_uid, status.st_gid, follow_symlinks=False)


def _copy_xattrs(origin: bytes, copy: bytes) -> None:
    try:
        names = os.listxattr(origin, follow_symlinks=False)
    except OSError:
        return
    for name in names:
        if name != "security.capability" and not name.startswith("user."):
            # Other attributes belong to the host: labels, overlay's own marks.
            continue
        value = os.getxattr(origin, name, follow_symlinks=False)
        os.setxattr(copy, name, value, follow_symlinks=False)
