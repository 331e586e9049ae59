"""Errors of the file system, told as what the machine lacks."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from samebit.errors import MachineError

_FIX = "check the disk and the permissions there (SAMEBIT_HOME moves the store)"
_FIXES = {
    errno.ENOSPC: "free some space there, or choose another place (SAMEBIT_HOME moves the store)",
    errno.EDQUOT: "free some of your quota, or choose another place (SAMEBIT_HOME moves the store)",
    errno.EROFS: "choose a writable place (SAMEBIT_HOME moves the store)",
}


@contextmanager
def machine_errors(doing: str) -> Iterator[None]:
    """Turn an OSError of the block into a MachineError that starts with `doing`."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise MachineError(
            f"{doing}: {reason}",
            fix=_FIXES.get(error.errno or 0, _FIX),
        ) from error
