"""Standard output: what a command was asked for, and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from samebit.errors import MachineError


def print_result(text: str) -> None:
    """Print a line. Raises MachineError when it cannot be printed, BrokenPipeError as it is."""
    if sys.stdout is not None:
        with _told():
            sys.stdout.write(f"{text}\n")
    flush()


def flush() -> None:
    """Send what was printed on its way; raises as print_result does."""
    if sys.stdout is not None:
        with _told():
            sys.stdout.flush()


def abandon() -> None:
    """Throw away what cannot be printed, so that Python does not fail once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon()
        raise MachineError(
            f"cannot write to standard output: {error.strerror}",
            fix="what was asked for is done, only its result could not be printed there",
        ) from error
