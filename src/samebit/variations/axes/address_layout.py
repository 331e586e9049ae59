"""Fixed addresses in the memory of RUN's programs: personality(2) with ADDR_NO_RANDOMIZE."""

from __future__ import annotations

from samebit.variations.changes import with_step
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied

_ADDR_NO_RANDOMIZE = 0x0040000


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    del machine
    personality = conditions.step.personality | _ADDR_NO_RANDOMIZE
    return Varied(with_step(conditions, personality=personality), "not random")


AXIS = Axis("address-layout", "programs of RUN lie at other addresses in memory (ASLR)", _apply)
