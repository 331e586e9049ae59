"""Starts a program that ends when samebit does, however samebit ends (prctl(2), PR_SET_PDEATHSIG).

Run as `python3 -I -S launch.py PARENT PROGRAM ARGUMENTS…`; it becomes PROGRAM. A file of its own,
because code between fork and exec of a process with threads may wait for ever.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Ask the kernel for SIGTERM at the end of the process PARENT, then become the program."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # It may have ended before it could be watched.
    if os.getppid() != int(argv[1]):
        sys.exit("samebit ended")
    os.execv(argv[2], argv[2:])  # noqa: S606 - becoming the program is the point


if __name__ == "__main__":
    main(sys.argv)
