"""Root or an ordinary user: one process cannot be both."""

from __future__ import annotations

import os

from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    del conditions, machine
    other = "an ordinary user" if os.geteuid() == 0 else "root"
    return NotVaried(f"run samebit verify --expect DIGEST as {other}")


AXIS = Axis("user", "root or an ordinary user builds", _apply)
