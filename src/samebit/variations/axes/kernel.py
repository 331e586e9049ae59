"""Another kernel release in RUN: 2.6.x, as personality(2) makes it with UNAME26."""

from __future__ import annotations

from samebit.variations.changes import with_step
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied

_UNAME26 = 0x0020000


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    del machine
    personality = conditions.step.personality | _UNAME26
    return Varied(with_step(conditions, personality=personality), "release 2.6.x")


AXIS = Axis("kernel", "uname shows RUN another kernel release", _apply, risky=True)
