"""Replacing a file so that a reader, and the next start, sees the old or the new bytes, whole."""

from __future__ import annotations

import os
from pathlib import Path

from samebit.store.temporary import create_locked_file


def sync_directory(path: Path) -> None:
    """Make renames inside `path` survive a power cut. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte of `data`. Raises OSError."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def replace_file(
    target: Path, data: bytes, *, temporary: Path, prefix: str = "", sync: bool = True
) -> None:
    """Put `data` at `target` atomically, by way of a file in the directory `temporary`.

    `temporary` is on the same file system. Without `sync` a power cut may leave an empty or partial
    file: only for values that carry their own checksum. Raises OSError.
    """
    descriptor, path = create_locked_file(temporary, prefix)
    try:
        try:
            write_all(descriptor, data)
            if sync:
                os.fsync(descriptor)
            os.replace(path, target)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    finally:
        os.close(descriptor)
    if sync:
        sync_directory(target.parent)
