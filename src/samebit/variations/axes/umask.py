"""Modes of the build context as a checkout under another umask has them."""

from __future__ import annotations

from samebit.variations.changes import with_context
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    del machine
    return Varied(with_context(conditions, modes=True), "a checkout under 007")


AXIS = Axis("umask", "the build context was checked out under another umask", _apply)
