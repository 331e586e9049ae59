"""Another version of the engine, where one is installed beside the usual one."""

from __future__ import annotations

import os

from samebit.variations.changes import with_engine
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    usual = os.path.realpath(machine.program)
    for folder in os.environ.get("PATH", "").split(":"):
        path = os.path.join(folder or ".", "buildah")
        if os.access(path, os.X_OK) and os.path.realpath(path) != usual:
            return Varied(with_engine(conditions, program=path), path)
    return NotVaried("no other buildah is on PATH")


AXIS = Axis("engine", "another version of the engine builds", _apply, risky=True)
