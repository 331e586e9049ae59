"""Temporary files and directories that say by a lock whether their owner still lives.

The owner holds an exclusive flock on the entry for as long as it is temporary. The kernel drops the
lock with the process, however it ends, so whoever obtains the lock may delete the entry. Process
ids would not do: they are reused, and they differ between pid namespaces.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from samebit.store.removal import remove_tree


def create_locked_file(directory: Path, prefix: str) -> tuple[int, Path]:
    """Create a locked temporary file; gives a descriptor open for reading and writing, and a path.

    The lock lasts until the descriptor is closed. Raises OSError.
    """
    while True:
        path = directory / f"{prefix}{secrets.token_hex(8)}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        if _own(descriptor):
            return descriptor, path


@contextmanager
def locked_directory(parent: Path, prefix: str) -> Iterator[Path]:
    """Give a temporary directory that is deleted on leaving. Raises OSError."""
    while True:
        path = parent / f"{prefix}{secrets.token_hex(8)}"
        path.mkdir(mode=0o700)
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        if _own(descriptor):
            break
    try:
        yield path
    finally:
        remove_tree(path)
        os.close(descriptor)


def clean_abandoned(directory: Path, prefix: str) -> None:
    """Delete what starts with `prefix` in `directory` and whose owner is gone; never raises.

    Failing to clean must not keep a build from running, so errors of the file system are ignored.
    """
    with suppress(OSError):
        for name in sorted(os.listdir(directory)):
            if name.startswith(prefix):
                with suppress(OSError):
                    _clean(directory / name)


def _own(descriptor: int) -> bool:
    # A cleaner may have got the lock, and deleted the entry, before we asked for it.
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    found = os.fstat(descriptor)
    if found.st_nlink > 0:
        return True
    os.close(descriptor)
    return False


def _clean(path: Path) -> None:
    kind = path.lstat().st_mode
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if stat.S_ISDIR(kind):
            remove_tree(path)
        else:
            path.unlink()
    finally:
        os.close(descriptor)
