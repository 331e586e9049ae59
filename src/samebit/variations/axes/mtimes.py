"""Other times of the files in the build context."""

from __future__ import annotations

from samebit.variations.changes import with_context
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    del machine
    return Varied(with_context(conditions, times=True), "each file another one")


AXIS = Axis("mtimes", "files of the build context have other times", _apply)
