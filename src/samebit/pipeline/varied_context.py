"""Another copy of a build context: as another checkout of the same thing would be."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Collection
from pathlib import Path

from samebit.context.ignore import IgnoreRules
from samebit.context.walk import failed, walk
from samebit.engines.user_namespace import FIRST_ID
from samebit.variations.protocol import ContextConditions

_OWNER = (12345, 54321)
# 2001, and so on: far from the epoch, and no two files alike.
_FIRST_TIME = 1_000_000_000
_STEP = 3671


def copy_context(
    source: Path,
    rules: IgnoreRules,
    destination: Path,
    conditions: ContextConditions,
    exclude: Collection[Path] = (),
) -> None:
    """Copy what a build may see of `source` to `destination`, which must not exist.

    Content, links and what git knows of modes are the same; the rest is as `conditions` say. Raises
    InputError and MachineError.
    """
    found = [entry.path for entry in walk(source, rules, exclude=exclude)]
    destination.mkdir()
    root, target = os.fsencode(source), os.fsencode(destination)
    for path in reversed(found) if conditions.order else found:
        try:
            _copy(os.path.join(root, path), os.path.join(target, path))
        except OSError as error:
            raise failed(source, path, error) from error
    # From below, because a directory may lose the right to be written to.
    for number, path in enumerate(reversed(found)):
        try:
            _settle(
                os.path.join(root, path),
                os.path.join(target, path),
                conditions,
                _FIRST_TIME + number * _STEP,
            )
        except OSError as error:
            raise failed(source, path, error) from error


def _copy(origin: bytes, copy: bytes) -> None:
    status = os.lstat(origin)
    os.makedirs(os.path.dirname(copy), exist_ok=True)
    if stat.S_ISDIR(status.st_mode):
        os.makedirs(copy, exist_ok=True)
    else:
        shutil.copyfile(origin, copy, follow_symlinks=False)


def _settle(origin: bytes, copy: bytes, conditions: ContextConditions, time: int) -> None:
    status = os.lstat(origin)
    link = stat.S_ISLNK(status.st_mode)
    if not link:
        os.chmod(copy, _mode(status.st_mode, conditions))
        if conditions.attributes:
            os.setxattr(copy, "user.varied", b"1")
    owner = _owner(status, conditions)
    made = os.lstat(copy)
    if owner != (made.st_uid, made.st_gid):
        os.chown(copy, *owner, follow_symlinks=False)
    times = (time, time) if conditions.times else (status.st_atime, status.st_mtime)
    os.utime(copy, times, follow_symlinks=False)


def _owner(status: os.stat_result, conditions: ContextConditions) -> tuple[int, int]:
    if not conditions.mapped:
        return _OWNER if conditions.owner else (status.st_uid, status.st_gid)
    return (FIRST_ID + _OWNER[0], FIRST_ID + _OWNER[1]) if conditions.owner else (0, 0)


def _mode(bits: int, conditions: ContextConditions) -> int:
    mode = stat.S_IMODE(bits)
    if not conditions.modes:
        return mode
    return 0o770 if stat.S_ISDIR(bits) or mode & stat.S_IXUSR else 0o660
