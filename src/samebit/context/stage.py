"""The private, normalised copy of the build context, and its digest (DESIGN, "Staged context")."""

from __future__ import annotations

import enum
import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from samebit.context.ignore import IgnoreRules
from samebit.context.stat_cache import StatCache
from samebit.context.walk import Found, failed, walk
from samebit.errors import InputError, MachineError, Place
from samebit.model.digest import Digest

_CHUNK = 1 << 20
_MAGIC = b"samebit context 1\n"


class Modes(enum.Enum):
    """How permission bits enter: as git knows them (0755 or 0644), or as they are."""

    GIT = "git"
    KEEP = "keep"


class ContextKind(enum.Enum):
    """What an entry is; the value enters the context digest."""

    FILE = b"f"
    DIRECTORY = b"d"
    SYMLINK = b"l"


@dataclass(frozen=True, slots=True)
class ContextEntry:
    """An entry as the build sees it.

    `path` is relative, bytes because names need not be UTF-8. `mode` holds the bits 07777 after
    normalisation. `size` is in bytes and `content` the sha256, both of files; `link` is a symlink's
    target.
    """

    path: bytes
    kind: ContextKind
    mode: int
    size: int = 0
    content: bytes = b""
    link: bytes = b""


@dataclass(frozen=True, slots=True)
class StagedContext:
    """The staged copy: `root` holds it, `digest` names its content, `entries` are sorted."""

    root: Path
    digest: Digest
    entries: tuple[ContextEntry, ...]


def digest_context(
    context: Path,
    rules: IgnoreRules,
    *,
    modes: Modes = Modes.GIT,
    exclude: Collection[Path] = (),
    only: Collection[bytes] | None = None,
    cache: StatCache | None = None,
) -> Digest:
    """Compute the digest that `stage` would give, reading each file at most once.

    `exclude` and `only` as in `walk`. Raises InputError as `walk` does, and when a file changes
    while it is read.
    """
    known = cache if cache is not None else StatCache()
    entries = (
        _entry(found, modes, context, lambda f: _hash(context, f, known))
        for found in walk(context, rules, exclude=exclude, only=only)
    )
    return entries_digest(entries)


def stage(
    context: Path,
    rules: IgnoreRules,
    destination: Path,
    *,
    epoch: int,
    modes: Modes = Modes.GIT,
    exclude: Collection[Path] = (),
    only: Collection[bytes] | None = None,
    cache: StatCache | None = None,
) -> StagedContext:
    """Copy the context to `destination`, which must not exist, normalising its metadata.

    Modes by `modes`, directories 0755 under Modes.GIT, owners root (or the caller without that
    right), no xattrs, every mtime = `epoch` (seconds). Files are copied and hashed in one pass.
    Raises as `digest_context`, and MachineError when the disk is full.
    """
    known = cache if cache is not None else StatCache()
    root = os.fsencode(destination)
    try:
        _make_root(root)
    except OSError as error:
        raise MachineError(
            f"the private copy of the context cannot be made: {error.strerror}",
            where=Place(str(destination)),
        ) from error
    entries: list[ContextEntry] = []
    for found in walk(context, rules, exclude=[*exclude, destination], only=only):
        target = os.path.join(root, found.path)
        entry = _entry(found, modes, context, _copier(context, target, known))
        try:
            _settle(entry, target, epoch)
        except OSError as error:
            raise failed(context, found.path, error) from error
        entries.append(entry)
    # Last, because writing into a directory moves its mtime.
    for entry in reversed(entries):
        if entry.kind is ContextKind.DIRECTORY:
            _finish_directory(os.path.join(root, entry.path), entry.mode, epoch)
    _finish_directory(root, 0o755, epoch)
    entries.sort(key=lambda entry: entry.path)
    return StagedContext(destination, entries_digest(entries), tuple(entries))


def entries_digest(entries: Iterable[ContextEntry]) -> Digest:
    """Digest entries in byte order of their paths: type, mode, path, content or link target."""
    hasher = hashlib.sha256(_MAGIC)
    for entry in sorted(entries, key=lambda entry: entry.path):
        hasher.update(
            b"%b%04o%b\0%b\0"
            % (entry.kind.value, entry.mode, entry.path, entry.link or entry.content.hex().encode())
        )
    return Digest(hasher.hexdigest())


def _entry(
    found: Found, modes: Modes, context: Path, read: Callable[[Found], bytes]
) -> ContextEntry:
    bits = found.status.st_mode
    if stat.S_ISLNK(bits):
        try:
            link = os.readlink(found.name, dir_fd=found.directory)
        except OSError as error:
            raise failed(context, found.path, error) from error
        return ContextEntry(found.path, ContextKind.SYMLINK, 0o777, link=link)
    if stat.S_ISDIR(bits):
        mode = 0o755 if modes is Modes.GIT else stat.S_IMODE(bits)
        return ContextEntry(found.path, ContextKind.DIRECTORY, mode)
    mode = stat.S_IMODE(bits)
    if modes is Modes.GIT:
        mode = 0o755 if mode & stat.S_IXUSR else 0o644
    content = read(found)
    return ContextEntry(found.path, ContextKind.FILE, mode, found.status.st_size, content)


def _hash(context: Path, found: Found, cache: StatCache) -> bytes:
    content = cache.find(found.status)
    if content is not None:
        return content
    return _read(context, found, cache, None)


def _copier(context: Path, target: bytes, cache: StatCache) -> Callable[[Found], bytes]:
    def copy(found: Found) -> bytes:
        try:
            output = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise failed(context, found.path, error) from error
        try:
            return _read(context, found, cache, output)
        finally:
            os.close(output)

    return copy


def _read(context: Path, found: Found, cache: StatCache, output: int | None) -> bytes:
    """Hash a file, copying it to `output` on the way; a remembered hash lets the kernel copy."""
    started = time.time_ns()
    try:
        source = os.open(
            found.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=found.directory
        )
        try:
            _unchanged(context, found, os.fstat(source))
            content = cache.find(found.status) if output is not None else None
            if content is not None and output is not None:
                _kernel_copy(source, output, found.status.st_size)
            else:
                content = _hash_and_copy(source, output)
            _unchanged(context, found, os.fstat(source))
        finally:
            os.close(source)
    except OSError as error:
        raise failed(context, found.path, error) from error
    cache.add(found.status, content, read_at_ns=started)
    return content


def _hash_and_copy(source: int, output: int | None) -> bytes:
    hasher = hashlib.sha256()
    buffer = bytearray(_CHUNK)
    view = memoryview(buffer)
    while count := os.readv(source, [view]):
        hasher.update(view[:count])
        if output is not None:
            written = 0
            while written < count:
                written += os.write(output, view[written:count])
    return hasher.digest()


def _kernel_copy(source: int, output: int, size: int) -> None:
    copied = 0
    shared = True
    while copied < size:
        try:
            if shared:
                count = os.copy_file_range(source, output, size - copied)
            else:
                count = os.sendfile(output, source, None, size - copied)
        except OSError as error:
            unsupported = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP)
            if shared and copied == 0 and error.errno in unsupported:
                shared = False
                continue
            raise
        if count == 0:
            return
        copied += count


def _unchanged(context: Path, found: Found, now: os.stat_result) -> None:
    before = found.status
    if (now.st_dev, now.st_ino, now.st_mode, now.st_size, now.st_mtime_ns, now.st_ctime_ns) != (
        before.st_dev,
        before.st_ino,
        before.st_mode,
        before.st_size,
        before.st_mtime_ns,
        before.st_ctime_ns,
    ):
        raise InputError(
            "the build context changed while samebit was reading it",
            where=Place(os.path.join(os.fspath(context), os.fsdecode(found.path))),
            fix="run again",
        )


def _make_root(root: bytes) -> None:
    os.mkdir(root, 0o700)
    if os.geteuid() == 0:
        # A set-group-ID parent would hand its group down.
        os.chown(root, 0, 0)
    os.chmod(root, 0o700)


def _settle(entry: ContextEntry, target: bytes, epoch: int) -> None:
    if entry.kind is ContextKind.DIRECTORY:
        # The final mode comes last: it may not allow writing.
        os.mkdir(target, 0o700)
        return
    if entry.kind is ContextKind.SYMLINK:
        os.symlink(entry.link, target)
    else:
        os.chmod(target, entry.mode)
    os.utime(target, ns=(epoch * 10**9, epoch * 10**9), follow_symlinks=False)


def _finish_directory(target: bytes, mode: int, epoch: int) -> None:
    os.chmod(target, mode)
    os.utime(target, ns=(epoch * 10**9, epoch * 10**9))
