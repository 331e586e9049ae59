"""What a build may find changed about the machine: how `samebit verify` varies its builds.

The values without arguments are those of every ordinary build.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

HOST_NAME = "samebit"


@dataclass(frozen=True, slots=True)
class MovedClock:
    """Another time for programs that link glibc dynamically: libfaketime at `library`.

    `shift` is in seconds; 0 moves nothing and only finds out which steps it would reach. The
    image's glibc must have `version` (such as `GLIBC_2.34`).
    """

    library: Path
    version: str
    shift: int


@dataclass(frozen=True, slots=True)
class StepConditions:
    """What RUN finds.

    `processors` are the numbers of those it may use, empty for all. `personality` are flags of
    personality(2). `open_files` is a limit, None for that of every build. `first_process` is the ID
    of a step's second process, None for what follows 1. `variables` are set only where a step does
    not set them. `addresses` is the number of its network addresses, 0 for those of every build.
    `seconds` is when a step is stopped that has not ended, None for never.
    """

    host_name: str = HOST_NAME
    processors: tuple[int, ...] = ()
    personality: int = 0
    open_files: int | None = None
    first_process: int | None = None
    variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    clock: MovedClock | None = None
    addresses: int = 0
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class EngineConditions:
    """Where the engine works and what it finds.

    `driver` is the storage driver, `program` the engine's and `runtime` the OCI runtime's path,
    None for the usual ones. `place` is the folder that a storage of its own is made in, None for
    the usual storage. `environment` comes on top of the engine's.
    """

    driver: str | None = None
    program: str | None = None
    runtime: str | None = None
    place: Path | None = None
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StepRecord:
    """When a RUN step had the tree to itself, in ns of the kernel's clock for change times.

    `step` is its marker. A change time within (`began`, `ended`] is of this step.
    """

    step: str
    began: int
    ended: int


@dataclass(frozen=True, slots=True)
class StepTrace:
    """What is known of the RUN steps of one engine run.

    `unreached` says by marker why a moved clock did not reach a step: its program is `static`, the
    image's libc is for another `machine`, its `glibc` is too old, or it has none (`libc`). With
    `go` only the programs of the Go toolchain there were not reached.
    `written` holds, for each stage that another one uses, what it had changed when its last RUN
    ended, with the change times in ns; it is noted only where the plan asks for it.
    """

    records: tuple[StepRecord, ...] = ()
    unreached: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    written: Mapping[int, Mapping[bytes, int]] = field(default_factory=lambda: MappingProxyType({}))

    def then(self, other: StepTrace) -> StepTrace:
        """Add what a later engine run of the same build tells."""
        return StepTrace(
            self.records + other.records,
            {**self.unreached, **other.unreached},
            {**self.written, **other.written},
        )
