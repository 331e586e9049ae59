"""Another time in RUN, for programs that link glibc dynamically: libfaketime, preloaded."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from pathlib import Path

from samebit.engines.conditions import MovedClock
from samebit.variations.changes import with_step
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied

_FOLDERS = ("lib/*-linux-gnu", "lib64", "lib")
# The recorder's certificates outlast the first; another month for each further build.
_DAYS = 398
_FEWER = 31
# Other hours and minutes, too: not every time has a day in it.
_SECONDS = 9 * 3600 + 37 * 60
_NEEDED = re.compile(rb"GLIBC_2\.(\d+)\0")


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    clock = probe()
    if clock is None:
        return NotVaried("libfaketime is not installed")
    days = _DAYS - _FEWER * ((machine.number - 1) % 12)
    shift = days * 86400 + _SECONDS
    return Varied(
        with_step(conditions, clock=replace(clock, shift=shift)),
        f"+{days} days and some hours, for programs linked with glibc",
    )


@functools.cache
def probe() -> MovedClock | None:
    """Find libfaketime where distributions put it; a clock that is not moved yet, or None."""
    for folder in _FOLDERS:
        for path in sorted(Path("/usr").glob(f"{folder}/faketime/libfaketime.so.1")):
            versions = [int(found[1]) for found in _NEEDED.finditer(path.read_bytes())]
            return MovedClock(path, f"GLIBC_2.{max(versions, default=0)}", 0)
    return None


AXIS = Axis("clock", "it is another time in RUN", _apply, risky=True)
