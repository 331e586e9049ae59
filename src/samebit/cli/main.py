"""The entry point of `samebit`: signals first, then the command line, then its exit code."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

_INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# The second one may be an accident (`timeout` sends two), the third is a wish.
_FORCING = 3
_GARBAGE = 50_000
# How the file names of the import system's own code begin.
_LOADER = "<frozen importlib."
_RETRY_SECONDS = 0.005


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its documented code."""
    interruptions = _Interruptions()
    try:
        interruptions.watch()
        # Frozen values make no cycles; looking for some takes a tenth of the start.
        gc.set_threshold(_GARBAGE)
        _open_standard_streams()
        # What users see and what we write must not depend on the caller's umask.
        os.umask(0o022)
        # Imported here, so that an interrupt of the imports is told like every other.
        from samebit.cli.group import run  # noqa: PLC0415

        code = run(arguments)
    except KeyboardInterrupt:
        _tell_interrupted()
        code = _INTERRUPTED
    _flush_standard_error()
    # What is left goes with the process; looking through it for cycles takes longer than the rest.
    gc.freeze()
    sys.exit(code)


def _open_standard_streams() -> None:
    """Fill the places of closed ones, so that no program takes a file of ours for its output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003 - has no name


class _Interruptions:
    """Turns the first signal into KeyboardInterrupt; tidying up is not disturbed by a second.

    A module that is being loaded is loaded first: an exception there would leave it locked, and
    another thread that loads it would wait for ever.
    """

    def __init__(self) -> None:
        self._count = 0
        self._raised = False

    def watch(self) -> None:
        for number in _SIGNALS:
            # Ignored from the start, as below nohup and for jobs in the background: left so.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._interrupt)
        # The timer of those that had to wait.
        signal.signal(signal.SIGALRM, self._retry)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        self._count += 1
        if self._count >= _FORCING:
            os._exit(_INTERRUPTED)
        self._retry(number, frame)

    def _retry(self, number: int, frame: FrameType | None) -> None:
        del number
        if self._raised:
            return
        if _is_loading(frame):
            signal.setitimer(signal.ITIMER_REAL, _RETRY_SECONDS)
            return
        self._raised = True
        raise KeyboardInterrupt


def _is_loading(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_LOADER):
            return True
        frame = frame.f_back
    return False


def _flush_standard_error() -> None:
    """Keep Python from changing the exit code because of what could not be told."""
    try:
        if sys.stderr is not None:
            sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _tell_interrupted() -> None:
    # The terminal may be gone.
    with suppress(OSError, AttributeError):
        sys.stderr.write("samebit: interrupted; nothing half-written was kept\n")
        sys.stderr.flush()
