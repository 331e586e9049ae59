"""The other OCI runtime: crun instead of runc, or the other way round."""

from __future__ import annotations

from samebit.variations.changes import with_engine
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    if not machine.other_runtime.startswith("/"):
        return NotVaried(machine.other_runtime)
    return Varied(
        with_engine(conditions, runtime=machine.other_runtime),
        machine.other_runtime.rpartition("/")[2],
    )


AXIS = Axis("runtime", "another OCI runtime runs the steps", _apply, risky=True)
