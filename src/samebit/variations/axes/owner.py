"""Other owners of the files in the build context."""

from __future__ import annotations

import os

from samebit.variations.changes import with_context
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    del machine
    if os.geteuid() != 0:
        return NotVaried("only root can give files away")
    return Varied(with_context(conditions, owner=True), "another user and group")


AXIS = Axis("owner", "files of the build context belong to somebody else", _apply)
