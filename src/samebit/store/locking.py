"""Exclusive locks between processes, and between the threads of one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive_file(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, created if absent and never deleted; waits for other holders.

    Not re-entrant: taking the same lock twice in one thread waits for ever. Raises OSError.
    """
    with _held(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)):
        yield


@contextmanager
def exclusive_directory(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock on the directory `path` itself, so that no file is added to it.

    Raises OSError, also when somebody else holds it and this shall not `wait`.
    """
    with _held(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), wait=wait):
        yield


@contextmanager
def _held(descriptor: int, *, wait: bool = True) -> Iterator[None]:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)
