"""What `samebit doctor` found out about a machine, as frozen values."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class State(enum.Enum):
    """What came of trying something."""

    WORKS = "works"
    LACKS = "lacks"
    UNTRIED = "untried"


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that was looked at.

    `found` is what there is: a version, a path, a figure. `reason` says why it does not work or was
    not tried, `without` what cannot be done without it, `fix` how to mend it (a command where one
    is enough). `needed` says that no image can be built without it.
    """

    area: str
    name: str
    state: State
    found: str = ""
    needed: bool = False
    reason: str = ""
    without: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All observations in the order in which they are told, and what the machine is.

    `user` is `root`, or `ordinary` with or without a user namespace to build in.
    """

    version: str
    distribution: str
    architecture: str
    kernel: str
    user: str
    observations: tuple[Observation, ...]

    @property
    def able(self) -> bool:
        """Whether this machine builds images: nothing that is needed is lacking."""
        return not any(o.needed and o.state is not State.WORKS for o in self.observations)
