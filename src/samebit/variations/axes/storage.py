"""The engine's other storage driver: overlay or vfs."""

from __future__ import annotations

from samebit.variations.changes import with_engine
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    if machine.driver != "overlay":
        return NotVaried(
            f"{machine.driver} is the usual driver here, and the one that works everywhere"
        )
    # Odd builds only, so that the third one keeps to the driver that most people use.
    if machine.number % 2 == 0:
        return NotVaried("every second build keeps to overlay")
    return Varied(with_engine(conditions, driver="vfs"), "driver vfs")


AXIS = Axis("storage", "the engine keeps its trees with another storage driver", _apply, risky=True)
