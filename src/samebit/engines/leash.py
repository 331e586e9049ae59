"""Starts a program that ends when the process that started it is gone, however that ended.

Run as `python3 -I -S leash.py PARENT LISTENER PROGRAM ARGUMENTS…`, PARENT being the starter's
process id. It becomes the program, which receives SIGTERM when the thread that started it is gone
(PR_SET_PDEATHSIG of prctl(2)). LISTENER is the descriptor of a socket that the program gets as
sd_listen_fds(3) says, or `-`. A program of its own, because Python allows no code between fork and
exec beside other threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_NONE = "-"
_FIRST_LISTENER = 3


def leashed(*command: str, listener: int | None = None) -> list[str]:
    """Give what starts `command` on the leash of this thread; `listener` has to be passed on."""
    given = _NONE if listener is None else str(listener)
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), given, *command]


def main(argv: list[str]) -> None:
    """Become the program of `argv`; ends at once when the starter is gone already."""
    parent, listener, command = int(argv[1]), argv[2], argv[3:]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        sys.exit(f"samebit: prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit(128 + signal.SIGTERM)
    if listener != _NONE:
        os.dup2(int(listener), _FIRST_LISTENER)
        os.environ["LISTEN_FDS"] = "1"
        os.environ["LISTEN_PID"] = str(os.getpid())
    os.execv(command[0], command)  # noqa: S606 - becoming the program is the point


if __name__ == "__main__":
    main(sys.argv)
