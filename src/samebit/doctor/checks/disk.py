"""Room for the store, for the engine's storage and for temporary files."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from samebit.doctor.protocol import Bench, Check
from samebit.engines.machine import filesystem_of
from samebit.model.diagnosis import Observation, State

AREA = "disk"
_GIB = 1 << 30
# A base of a distribution, a compiler and what it makes; less is not worth starting.
_LEAST = _GIB
_USUAL = 10 * _GIB


def _probe(bench: Bench) -> Iterator[Observation]:
    yield _room(bench.home, "state folder", "set SAMEBIT_HOME to a larger, writable disk")
    yield _room(Path(tempfile.gettempdir()), "temporary files", "set TMPDIR to a larger disk")


def _room(path: Path, name: str, fix: str) -> Observation:
    there = path
    while not there.exists() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free
    found = f"{free / _GIB:.1f} GiB free at {path} ({filesystem_of(bytes(there))})"
    if not os.access(there, os.W_OK | os.X_OK):
        return Observation(
            AREA, name, State.LACKS, found, needed=True, reason="it cannot be written to", fix=fix
        )
    if free < _LEAST:
        reason = "less than 1 GiB: no base image of a distribution fits beside its build"
        return Observation(AREA, name, State.LACKS, found, needed=True, reason=reason, fix=fix)
    if free < _USUAL:
        return Observation(AREA, name, State.WORKS, f"{found}; large builds need 10 GiB")
    return Observation(AREA, name, State.WORKS, found, needed=True)


CHECK = Check(AREA, 60, _probe)
