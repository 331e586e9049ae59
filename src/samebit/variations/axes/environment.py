"""Other variables on the host: a home, a search path with more in it, one that nobody knows."""

from __future__ import annotations

import os

from samebit.variations.changes import with_variable
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    found = os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin"
    changed = with_variable(conditions, "PATH", f"{found}:/varied-{machine.number}")
    changed = with_variable(changed, "HOME", str(machine.temporary))
    changed = with_variable(changed, "SAMEBIT_VARIED", str(machine.number))
    return Varied(changed, "the host's HOME, PATH and one more")


AXIS = Axis("environment", "the host has other variables, another home and search path", _apply)
