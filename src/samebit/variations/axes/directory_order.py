"""Directories list their entries in another order: trees on another file system."""

from __future__ import annotations

import os
from pathlib import Path

from samebit.variations.changes import with_context, with_engine
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied

_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it
_PLACES = ("/var/tmp", "/tmp", "/var/lib", "/srv")  # noqa: S108 - the same


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    used = os.stat(machine.home).st_dev
    reason = "there is no other file system that is fit for the engine's storage"
    for place in (_MEMORY, machine.temporary, *map(Path, _PLACES)):
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            continue
        if os.stat(place).st_dev == used:
            continue
        status = os.statvfs(place)
        if status.f_flag & os.ST_NOEXEC:
            continue
        free = status.f_bavail * status.f_frsize
        if place == _MEMORY:
            free = min(free, machine.memory)
        # It must not be what fills the disk.
        if free < 2 * machine.space:
            reason = f"the storage would need too much of {place}"
            continue
        changed = with_context(with_engine(conditions, place=place), order=True)
        return Varied(changed, f"storage below {place}")
    return NotVaried(reason)


AXIS = Axis(
    "directory-order",
    "directories list their entries in another order: the trees lie on another file system",
    _apply,
    order=40,
    risky=True,
    includes="path",
)
