"""Other process IDs in RUN: those after the first one, which is 1 in every container."""

from __future__ import annotations

import os

from samebit.variations.changes import with_step
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied

# Of the kernel, for checkpoints (CONFIG_CHECKPOINT_RESTORE).
_LAST = "/proc/sys/kernel/ns_last_pid"
_FIRST = 4000
# Below the limit of small machines, whatever the build.
_STEP, _STEPS = 1000, 20


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    if not os.access(_LAST, os.W_OK):
        return NotVaried("this kernel does not let them be chosen")
    first = _FIRST + _STEP * (machine.number % _STEPS)
    return Varied(with_step(conditions, first_process=first), f"from {first} on")


AXIS = Axis("process-ids", "processes of RUN have other numbers", _apply, risky=True)
