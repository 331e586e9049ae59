"""What an audit found: the executables of an image, folder or file, and what a policy refuses."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from samebit.model.executable import Executable
from samebit.model.lightness import Lightness, Source


class Policy(enum.Enum):
    """How much an executable may carry; each value includes those before it.

    REPORT refuses nothing. DETERMINISTIC refuses what depends on the machine, the time or the
    checkout of the build. SEALED also refuses what nobody needs to run the program, and what the
    program needs and does not find.
    """

    REPORT = "report"
    DETERMINISTIC = "deterministic"
    SEALED = "sealed"

    def includes(self, other: Policy) -> bool:
        """Say whether this policy refuses all that `other` refuses."""
        order = tuple(Policy)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class FindingKind:
    """What a finding's code means, and the weakest policy that refuses it."""

    policy: Policy
    meaning: str


FINDING_KINDS: Mapping[str, FindingKind] = MappingProxyType(
    {
        "build-id": FindingKind(
            Policy.DETERMINISTIC,
            "a build ID or debug link: a hash over what need not be in the file any more",
        ),
        "build-path": FindingKind(
            Policy.DETERMINISTIC, "a path of the machine or checkout that it was built in"
        ),
        "debug-info": FindingKind(Policy.SEALED, "debug information"),
        "host-name": FindingKind(
            Policy.DETERMINISTIC, "the name of the machine that it was built on"
        ),
        "interpreter-missing": FindingKind(Policy.SEALED, "what has to start it is not there"),
        "library-missing": FindingKind(
            Policy.SEALED, "a library that it needs is not where the loader looks"
        ),
        "malformed": FindingKind(
            Policy.DETERMINISTIC, "it is damaged or made so that it cannot be read"
        ),
        "owner": FindingKind(Policy.DETERMINISTIC, "the owner of a file that was archived"),
        "symbols": FindingKind(Policy.SEALED, "a symbol table"),
        "timestamp": FindingKind(Policy.DETERMINISTIC, "a time of the build"),
        "user-name": FindingKind(Policy.DETERMINISTIC, "the name of the user who built it"),
        "vcs-stamp": FindingKind(
            Policy.DETERMINISTIC, "the state of the version control system's checkout"
        ),
    }
)


def finding_kind(code: str) -> FindingKind:
    """Give what a code means; those of a project's own profiles are refused as host-dependent."""
    return FINDING_KINDS.get(
        code, FindingKind(Policy.DETERMINISTIC, "what a toolchain profile looks for")
    )


@dataclass(frozen=True, slots=True)
class AuditFinding:
    """One thing found in a file, or between a file and what is around it.

    `value` is what is there, `place` where in the file (either may be empty). `excused` is the
    reason of the exception that allows it, `violation` says that the policy refuses it.
    """

    code: str
    value: str
    place: str = ""
    fix: str | None = None
    excused: str | None = None
    violation: bool = False


@dataclass(frozen=True, slots=True)
class AuditedFile:
    """An executable. `path` starts with a slash; `links` are its further hard links.

    `source` is what brought it, None outside of images. `size` is in bytes. `libraries` are pairs
    of a needed library and the path where the loader finds it (empty: nowhere).
    """

    path: str
    size: int
    facts: Executable
    links: tuple[str, ...] = ()
    source: Source | None = None
    libraries: tuple[tuple[str, str], ...] = ()
    findings: tuple[AuditFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditException:
    """`[[audit.exception]]`: what a project allows. `path` is a pattern, `finding` a code or `*`.

    `where` is its place in samebit.toml.
    """

    path: str
    finding: str
    reason: str
    where: str = ""


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The whole answer. `digest` is the image's, None for folders and files.

    `entries` counts everything in the tree. `unused` are exceptions that matched nothing.
    `lightness` is None for a single file.
    """

    target: str
    kind: str
    policy: Policy
    entries: int
    files: tuple[AuditedFile, ...]
    digest: str | None = None
    platform: str | None = None
    unused: tuple[AuditException, ...] = ()
    lightness: Lightness | None = None

    @property
    def violations(self) -> int:
        """Count what the policy refuses."""
        return sum(finding.violation for file in self.files for finding in file.findings)
