"""A storage for the engine that lasts as long as one command, wherever there is room for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samebit.engines.unmounting import unmount_below
from samebit.store.failure import machine_errors
from samebit.store.locking import exclusive_directory
from samebit.store.temporary import clean_abandoned, locked_directory

_PREFIX = "samebit-verify-"


@contextmanager
def own_storage(place: Path) -> Iterator[Path]:
    """Make a folder for the state of an engine below `place`; gone in the end.

    Raises MachineError when it cannot be made.
    """
    with machine_errors(f"cannot make a storage for the engine in {place}"):
        for path in sorted(place.glob(f"{_PREFIX}*")):
            # The engine mounts its storage onto itself, and a killed run has left it so.
            if not _is_used(path):
                unmount_below(path)
        clean_abandoned(place, _PREFIX)
        context = locked_directory(place, _PREFIX)
        folder = context.__enter__()
    try:
        yield folder
    finally:
        unmount_below(folder)
        context.__exit__(None, None, None)


def _is_used(folder: Path) -> bool:
    try:
        with exclusive_directory(folder, wait=False):
            return False
    except OSError:
        return True
