"""Another time zone of the host: what the engine finds in TZ."""

from __future__ import annotations

from samebit.variations.changes import with_variable
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied

_ZONES = ("Pacific/Kiritimati", "Pacific/Niue")


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    name = _ZONES[machine.number % len(_ZONES)]
    return Varied(with_variable(conditions, "TZ", name), f"the host's is {name}")


AXIS = Axis("time-zone", "the host has another time zone", _apply)
