"""Command lines of programs that must not outlive samebit."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from samebit.engines import launch


def tied(command: Sequence[str]) -> list[str]:
    """Give the command line whose process gets SIGTERM when this process ends.

    `command` starts with an absolute path. The kernel watches the thread that starts it, so that
    must be one that lasts: the main thread.
    """
    return [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), *command]
