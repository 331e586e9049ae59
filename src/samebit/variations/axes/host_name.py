"""Another host name in RUN (uname(2)), and another line in /etc/hosts."""

from __future__ import annotations

from samebit.variations.changes import with_step
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    name = f"varied-host-{machine.number}"
    return Varied(with_step(conditions, host_name=name), name)


AXIS = Axis("host-name", "RUN runs on a host of another name", _apply)
