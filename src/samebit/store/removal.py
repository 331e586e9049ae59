"""Removing whole directory trees, however deep a step has made them."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path


def remove_tree(path: Path) -> None:
    """Remove a directory and all that is in it; what cannot be removed stays, without an error."""
    # Up to Python 3.12 it calls itself and holds a descriptor for each level; a step can make a
    # thousand of them, and many machines give 1,024 descriptors.
    with suppress(RecursionError):
        shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        subprocess.run(
            ["rm", "-rf", "--", path], capture_output=True, check=False, stdin=subprocess.DEVNULL
        )
