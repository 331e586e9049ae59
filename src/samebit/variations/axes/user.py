"""Root of a user namespace, as ordinary users build, instead of the machine's root."""

from __future__ import annotations

import os
from dataclasses import replace

from samebit.variations.changes import with_engine
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    if os.geteuid() != 0:
        return NotVaried("run samebit verify --expect DIGEST as root")
    if machine.engine != "buildah":
        return NotVaried(f"{machine.engine} builds as root")
    if machine.no_user_namespace:
        return NotVaried(
            f"{machine.no_user_namespace}; run samebit verify --expect DIGEST as an ordinary user"
        )
    # Files of its storage have other owners, so that it needs one of its own.
    changed = with_engine(conditions, place=conditions.engine.place or machine.home)
    changed = replace(changed, context=replace(changed.context, moved=True, mapped=True))
    return Varied(
        replace(changed, user_namespace=True),
        "without rights over the machine, in a user namespace, as ordinary users build",
    )


AXIS = Axis(
    "user", "root or an ordinary user builds", _apply, order=70, risky=True, includes="path"
)
