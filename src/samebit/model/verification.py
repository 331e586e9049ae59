"""What `samebit verify` found, as frozen values; `report` renders them.

Paths and texts that an image's or a Dockerfile's author chose went through `escaped`.
"""

from __future__ import annotations

from dataclasses import dataclass

from samebit.errors import Place
from samebit.model.explanation import Cause
from samebit.model.image_difference import DiffReport


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction of the Dockerfile: where it stands and its text on one line."""

    where: Place
    text: str


@dataclass(frozen=True, slots=True)
class VariedAxis:
    """An axis that was varied, and how."""

    name: str
    how: str


@dataclass(frozen=True, slots=True)
class UnvariedAxis:
    """An axis that was not varied, and why."""

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class BuildOutcome:
    """One of the builds that are compared; the first one is plain: nothing is varied."""

    digest: str
    varied: tuple[VariedAxis, ...]


@dataclass(frozen=True, slots=True)
class PathDifference:
    """A path that is not the same in all builds.

    `axes` are those each of which alone makes it differ. `unvaried`: it differs between two builds
    without any variation, so it is random or shows the time. `together`: only several axes at once
    make it differ; `unresolved`: which, was not found out. `instruction` last wrote it, `origin` is
    the one of another stage that it was copied from; None where that is not certain.
    """

    path: str
    platform: str = ""
    axes: tuple[str, ...] = ()
    unvaried: bool = False
    together: tuple[str, ...] = ()
    unresolved: bool = False
    instruction: Instruction | None = None
    origin: Instruction | None = None
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True, slots=True)
class AsBuilt:
    """Whether the builds agree before normalising, too; `paths` are the first that do not."""

    count: int = 0
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the digest was compared with: `name` as it was given."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Verification:
    """The whole of it.

    `digest` is the plain build's. `axes` were varied in at least one build. `seconds_apart` is the
    least time between the starts of the plain build and of each other one. `differences` are the
    first of `difference_count`. `report` compares the plain image with the one that differs first.
    `builds_made` counts every build, those that search for axes included.
    """

    digest: str
    builds: tuple[BuildOutcome, ...]
    axes: tuple[VariedAxis, ...]
    not_varied: tuple[UnvariedAxis, ...]
    seconds_apart: int
    as_built: AsBuilt
    builds_made: int
    expectation: Expectation | None = None
    differences: tuple[PathDifference, ...] = ()
    difference_count: int = 0
    bisected: bool = False
    report: DiffReport | None = None

    @property
    def agree(self) -> bool:
        """Say whether all builds gave the same digest; one alone agrees with nothing."""
        return len(self.builds) > 1 and all(one.digest == self.digest for one in self.builds)

    @property
    def expected(self) -> bool:
        """Say whether the digest is the expected one, if there is one."""
        return self.expectation is None or self.expectation.digest == self.digest

    @property
    def identical(self) -> bool:
        """Say whether the builds, and what they were compared with, are the same bytes."""
        return self.agree and self.expected
