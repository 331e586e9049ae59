"""Other addresses of the network interface in RUN: hardware, IPv4 and IPv6."""

from __future__ import annotations

from samebit.variations.changes import with_step
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    changed = with_step(conditions, addresses=machine.number)
    return Varied(changed, "other addresses of the interface in RUN")


AXIS = Axis("network", "the network interface of RUN has other addresses", _apply)
