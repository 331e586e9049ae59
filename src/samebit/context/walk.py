"""Walking a build context without ever following a symlink out of it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from samebit.context.ignore import IgnoreRules
from samebit.context.patterns import Matched
from samebit.errors import InputError, MachineError, Place, SamebitError

# One descriptor is held per level; ordinary limits allow 1024 open files.
_DEPTH_LIMIT = 500

Tree = Mapping[bytes, "Tree | None"]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Found:
    """An entry of the context: `directory` is an open descriptor, valid until the next one."""

    path: bytes
    name: bytes
    directory: int
    status: os.stat_result


@dataclass(slots=True)
class _Level:
    path: bytes
    descriptor: int
    entries: Iterator[os.DirEntry[str]]
    state: Matched
    wanted: Tree | None
    # An excluded directory is reported only once something below it is not excluded.
    pending: Found | None = field(default=None)


def walk(
    context: Path,
    rules: IgnoreRules,
    *,
    exclude: Collection[Path] = (),
    only: Collection[bytes] | None = None,
) -> Iterator[Found]:
    """Report what the build may see: parents before their entries, names in byte order.

    `exclude` names absolute paths that stay out with all below them and with their temporary files
    (`<path>.tmp*`). `only` restricts the walk to these relative paths and all below them. Sockets
    are skipped. Raises InputError for other special files and for what cannot be read.
    """
    hidden = _hidden(context, exclude)
    stack: list[_Level] = []
    try:
        root = _guarded(context, b"", lambda: os.open(context, os.O_RDONLY | os.O_DIRECTORY))
        stack.append(_level(context, b"", root, rules.patterns.root, _tree(context, only)))
        while stack:
            level = stack[-1]
            entry = next(level.entries, None)
            if entry is None:
                os.close(stack.pop().descriptor)
                continue
            yield from _visit(context, entry, stack, rules, hidden)
    finally:
        for level in stack:
            os.close(level.descriptor)


def failed(context: Path, path: bytes, error: OSError) -> SamebitError:
    """Say what went wrong with an entry of the context, or with the disk it is copied to."""
    where = Place(os.fsdecode(os.path.join(os.fsencode(context), path) if path else context))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return MachineError(
            "no space left for the private copy of the build context",
            where=where,
            fix="free some space, or keep large files out with .dockerignore",
        )
    if not path and error.errno in (errno.ENOENT, errno.ENOTDIR):
        return InputError(
            "the build context is not a directory",
            where=where,
            fix="give the directory that the Dockerfile's COPY and ADD read from",
        )
    if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR):
        return InputError(
            "the build context changed while samebit was reading it", where=where, fix="run again"
        )
    return InputError(
        f"this entry of the build context cannot be read: {error.strerror}",
        where=where,
        fix="make it readable, or name it in .dockerignore",
    )


def _visit(
    context: Path,
    entry: os.DirEntry[str],
    stack: list[_Level],
    rules: IgnoreRules,
    hidden: Collection[bytes],
) -> Iterator[Found]:
    level = stack[-1]
    name = os.fsencode(entry.name)
    path = level.path + b"/" + name if level.path else name
    wanted: Tree | None = None
    if level.wanted is not None:
        if name not in level.wanted:
            return
        wanted = level.wanted[name]
    if path in hidden or _is_temporary(path, hidden):
        return
    text = os.fsdecode(path)
    status = _guarded(context, path, lambda: entry.stat(follow_symlinks=False))
    if stat.S_ISSOCK(status.st_mode):
        return
    found = Found(path, name, level.descriptor, status)
    if not stat.S_ISDIR(status.st_mode):
        if rules.patterns.covers(text, level.state):
            return
        if not stat.S_ISREG(status.st_mode) and not stat.S_ISLNK(status.st_mode):
            raise InputError(
                "the build context holds a special file (a FIFO or a device)",
                where=Place(os.path.join(os.fspath(context), text)),
                fix="remove it, or name it in .dockerignore",
            )
        yield from _owed(stack)
        yield found
        return
    excluded, state = rules.patterns.enter(text, level.state)
    if excluded and not rules.patterns.may_release_below(text, state):
        return
    if not excluded:
        yield from _owed(stack)
        yield found
    if len(stack) > _DEPTH_LIMIT:
        raise InputError(
            f"the build context is nested deeper than {_DEPTH_LIMIT} directories",
            where=Place(os.path.join(os.fspath(context), text)),
        )
    descriptor = _guarded(
        context,
        path,
        lambda: os.open(
            name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=level.descriptor
        ),
    )
    below = _level(context, path, descriptor, state, wanted)
    below.pending = found if excluded else None
    stack.append(below)


def _owed(stack: list[_Level]) -> Iterator[Found]:
    for level in stack:
        if level.pending is not None:
            pending, level.pending = level.pending, None
            yield pending


def _level(
    context: Path, path: bytes, descriptor: int, state: Matched, wanted: Tree | None
) -> _Level:
    try:
        with os.scandir(descriptor) as found:
            entries = sorted(found, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        os.close(descriptor)
        raise failed(context, path, error) from error
    return _Level(path, descriptor, iter(entries), state, wanted)


def _guarded(context: Path, path: bytes, action: Callable[[], _T]) -> _T:
    try:
        return action()
    except OSError as error:
        raise failed(context, path, error) from error


def _hidden(context: Path, exclude: Collection[Path]) -> frozenset[bytes]:
    base = os.fsencode(os.path.realpath(context))
    hidden = set()
    for path in exclude:
        # The name itself may not exist yet, or be a symlink: only its directory is resolved.
        absolute = os.fsencode(os.path.join(os.path.realpath(path.parent), path.name))
        if base == b"/":
            hidden.add(absolute[1:])
        elif absolute.startswith(base + b"/"):
            hidden.add(absolute[len(base) + 1 :])
    return frozenset(hidden)


def _is_temporary(path: bytes, hidden: Collection[bytes]) -> bool:
    head, found, _ = path.rpartition(b".tmp")
    while found:
        if head in hidden:
            return True
        head, found, _ = head.rpartition(b".tmp")
    return False


def _tree(context: Path, only: Collection[bytes] | None) -> Tree | None:
    """Turn `only` into a tree of names; None means everything."""
    if only is None:
        return None
    root: dict[bytes, Tree | None] = {}
    for path in sorted(only):
        if not path or _crosses_symlink(context, path):
            return None
        node = root
        parts = path.split(b"/")
        for part in parts[:-1]:
            child = node.setdefault(part, {})
            if child is None:
                break
            assert isinstance(child, dict)
            node = child
        else:
            node[parts[-1]] = None
    return root


def _crosses_symlink(context: Path, path: bytes) -> bool:
    """Whether a symlink stands on the way: then what is needed may lie anywhere."""
    current = os.fsencode(context)
    for part in path.split(b"/"):
        current = os.path.join(current, part)
        if os.path.islink(current):
            return True
    return False
