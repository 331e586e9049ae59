"""Starts a program that ends when the process that started it is gone, however that ended.

Run as `python3 -I -S leash.py PARENT PROGRAM ARGUMENTS…`, PARENT being the starter's process id. It
becomes the program, which receives SIGTERM when the starter dies (PR_SET_PDEATHSIG of prctl(2)). A
program of its own, because Python allows no code between fork and exec beside other threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(argv: list[str]) -> None:
    """Become the program of `argv`; ends at once when the starter is gone already."""
    parent, command = int(argv[1]), argv[2:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        sys.exit(f"samebit: prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)
    os.execv(command[0], command)  # noqa: S606 - becoming the program is the point


if __name__ == "__main__":
    main(sys.argv)
