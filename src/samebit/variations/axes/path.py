"""Other paths on the host: of the build context and of the engine's storage."""

from __future__ import annotations

from samebit.variations.changes import with_context, with_engine
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    changed = with_context(conditions)
    if changed.engine.place is None:
        changed = with_engine(changed, place=machine.home)
    return Varied(changed, "context and storage in other folders")


AXIS = Axis("path", "the build context and the engine's storage have other paths", _apply)
