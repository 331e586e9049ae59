"""A private folder for what a command needs while it runs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from samebit.store.failure import machine_errors
from samebit.store.temporary import clean_abandoned, locked_directory


@contextmanager
def temporary_directory(purpose: str) -> Iterator[Path]:
    """Make a folder below TMPDIR and remove it at the end, and what killed runs have left.

    `purpose` is part of its name. Raises MachineError when it cannot be made.
    """
    parent = Path(tempfile.gettempdir())
    # The name says whose it is, so that nobody cleans up for somebody else.
    prefix = f"samebit-{os.getuid()}-{purpose}-"
    clean_abandoned(parent, prefix)
    with machine_errors(f"cannot keep temporary files in {parent}"):
        context = locked_directory(parent, prefix)
        directory = context.__enter__()
    try:
        yield directory
    finally:
        context.__exit__(None, None, None)
