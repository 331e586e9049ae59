"""Another limit on open files in RUN (getrlimit(2))."""

from __future__ import annotations

from samebit.variations.changes import with_step
from samebit.variations.protocol import Axis, Conditions, Machine, NotVaried, Varied

# Of the 16384 that every build has; compilers and bundlers need some thousands.
_LIMIT = 12288


def _apply(conditions: Conditions, machine: Machine) -> Varied | NotVaried:
    limit = _LIMIT - machine.number
    return Varied(with_step(conditions, open_files=limit), f"at most {limit}")


AXIS = Axis("open-files", "RUN may open fewer files at once", _apply, risky=True)
