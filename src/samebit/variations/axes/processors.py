"""Fewer processors for RUN, as `nproc` and most programs count them (sched_setaffinity(2))."""

from __future__ import annotations

from samebit.variations.changes import with_step
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    count = len(machine.processors)
    if count < 2:
        return NotVaried("there is only one")
    # Another number for each build, as long as there are any.
    wanted = (count - machine.number) % count or count - 1
    chosen = machine.processors[:wanted]
    return Varied(with_step(conditions, processors=chosen), f"{wanted} of {count}")


AXIS = Axis("processors", "RUN may use fewer processors", _apply)
