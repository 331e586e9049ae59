"""What a check is: a module below `samebit.doctor.checks` that exports one; they are discovered.

A check tries one kind of thing and tells of each what came of it. It never raises for what the
machine lacks; what it raises all the same is told as an observation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from samebit.distribution.install import Distribution
from samebit.model.diagnosis import Observation


@dataclass(frozen=True, slots=True)
class Bench:
    """Where checks try things.

    `home` is samebit's state folder (it need not exist), `work` an empty folder where the engine's
    storage would be, None where none can be made. `program` is the path of the engine's program,
    None without one. `refused` says why an ordinary user has no user namespace of several IDs, and
    `user_fix` what to do about it; empty where trials need none, or have one.
    """

    home: Path
    work: Path | None
    program: str | None
    distribution: Distribution
    refused: str = ""
    user_fix: str = ""


Probe: TypeAlias = Callable[[Bench], Iterable[Observation]]


@dataclass(frozen=True, slots=True)
class Check:
    """A check. `area` heads its observations; lower `order` is told first."""

    area: str
    order: int
    probe: Probe
