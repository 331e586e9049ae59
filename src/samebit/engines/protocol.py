"""What samebit asks of an engine: run a lowered Dockerfile and show the final tree."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from samebit.engines.conditions import StepConditions, StepTrace
from samebit.model.rendering import Rendering

# What a build commits for itself is called so, with a tag of its own: nobody else may keep it.
STAGE_IMAGES = "localhost/samebit/stage"


class MountKind(enum.Enum):
    """What the runtime shim mounts; bind mounts of trees are the engine's."""

    CACHE = "cache"
    PREPARED = "prepared"
    TMPFS = "tmpfs"
    SECRET = "secret"  # noqa: S105 - a kind, not a secret
    SSH = "ssh"


@dataclass(frozen=True, slots=True)
class StepMount:
    """A mount of one RUN.

    `target` is absolute, empty for a secret that is only a variable. `id` names the cache, the
    secret or the agent; of what is prepared it is the path in the plan's context. `mode`, `uid` and
    `gid` are those of its source, None for the default; `size` is a tmpfs's limit in bytes.
    `variable` gets the secret's value.
    """

    kind: MountKind
    target: str
    id: str = ""
    read_only: bool = False
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    variable: str = ""


@dataclass(frozen=True, slots=True)
class SshSource:
    """What `--ssh` gives: the socket of an agent, or private keys for an agent of our own."""

    socket: Path | None = None
    keys: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRun:
    """What one RUN step gets: exactly this command, directory and environment.

    The engine's own idea of `args` is compared. `network` is default, host or none. `moved` are
    mounts of the engine's making: where it made them, and where the step wants them. `user` is as
    USER says it. `after` is the marker of the step that must have ended before this one starts,
    where the engine would run both at the same time.
    """

    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    cwd: str
    network: str = "default"
    mounts: tuple[StepMount, ...] = ()
    moved: tuple[tuple[str, str], ...] = ()
    user: str = "0"
    after: str = ""


@dataclass(frozen=True, slots=True)
class StepNetwork:
    """The network that RUN has unless it wants none.

    `namespace` is the path of a network namespace, `resolver` what becomes /etc/resolv.conf. The
    `files` are bound read-only, by their paths inside. `companions` are bound where there is a
    program: its directory inside (a name of which may end in `*`), the file's path relative to what
    holds that, and the file. The marker of the step that runs is written to `marker`, a file that
    exists.
    """

    namespace: str
    resolver: Path
    files: Mapping[str, Path]
    companions: tuple[tuple[str, str, Path], ...]
    marker: Path


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """A lowered Dockerfile with all that it refers to.

    `dockerfile` is the lowered text, `context` and `build_contexts` are private directories,
    `steps` maps step markers (`stage/ordinal`) to what the runtime shim enforces, `base` is the
    imported name of the final stage's base (None: scratch), `platform` that of the engine's machine
    (which platform an image is for is none of the engine's business), `set_if_absent` the
    environment set and trust variables, `network` what RUN can reach (None: itself only). `caches`
    is where cache mounts live: a private directory that all plans of a build share. `secrets` and
    `agents` hold what was given, by ID; a mount of one that was not given is left out. `conditions`
    are what steps find changed about the machine. `traced` holds the last RUN of stages with their
    number: when it ends, what the stage has changed is noted (StepTrace).
    """

    dockerfile: str
    context: Path
    build_contexts: Mapping[str, Path]
    steps: Mapping[str, StepRun]
    base: str | None
    platform: str
    set_if_absent: Mapping[str, str]
    caches: Path
    secrets: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    agents: Mapping[str, SshSource] = field(default_factory=lambda: MappingProxyType({}))
    network: StepNetwork | None = None
    traced: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    conditions: StepConditions = field(default_factory=StepConditions)


@dataclass(frozen=True, slots=True)
class FinalTree:
    """The engine's rendering of the base (None: nothing but an empty root) and of the result.

    Valid only inside the context manager that gave it. `breaks_links` as in image.delta. `trace`
    tells of the RUN steps of this engine run.
    """

    base: Rendering | None
    final: Rendering
    breaks_links: bool
    trace: StepTrace = field(default_factory=StepTrace)


@dataclass(frozen=True, slots=True)
class FinalLayers:
    """The result as an image in an OCI layout: its lowest layers are those of `EnginePlan.base`.

    For engines whose trees cannot be reached. Valid only inside the context manager that gave it.
    """

    layout: Path


class Progress(Protocol):
    """Where an engine tells what happens."""

    def at(self, stage: int, step: int) -> None:
        """Take note that the lowered stage's step (both from 1, FROM is step 1) has started."""

    def line(self, text: str) -> None:
        """Take a line that the engine or the running step printed."""


class StepFailedError(Exception):
    """The engine stopped: `stage` and `step` as in Progress.at, None where it did not say.

    `status` is the exit status of a RUN step's program, `output` the last lines that the step
    printed. Where no program's status says why, `reason` does; `unstarted` means that the runtime
    did not start the program.
    """

    def __init__(
        self,
        stage: int | None,
        step: int | None,
        *,
        status: int | None = None,
        output: tuple[str, ...] = (),
        reason: str = "",
        unstarted: bool = False,
    ) -> None:
        super().__init__(stage, step, status, output, reason)
        self.stage = stage
        self.step = step
        self.status = status
        self.output = output
        self.reason = reason
        self.unstarted = unstarted


class Engine(Protocol):
    """A builder of trees. Everything it says about tar, compression and config is ignored."""

    name: str
    # Whether it runs steps of several stages at the same time, unless the lowered text forbids it.
    concurrent: bool
    # Whether the runtime shim runs its steps: else they have no network, and find in their
    # environment what the lowered text says.
    shimmed: bool
    # Whether the shim has to say which groups a user has that is only a number.
    groups_by_shim: bool

    def has_image(self, name: str) -> bool:
        """Tell whether the engine's storage has an image of that name."""

    def import_base(self, name: str, layout: Path) -> None:
        """Import the only image of an OCI layout under `name`. Raises InputError, MachineError."""

    def needed(self) -> AbstractContextManager[None]:
        """Take note that something will be built: what takes time to start may start at once."""

    def build(
        self, plan: EnginePlan, work: Path, progress: Progress
    ) -> AbstractContextManager[FinalTree | FinalLayers]:
        """Build; the result is there while the context lasts. Raises StepFailedError."""

    def commit(self, plan: EnginePlan, work: Path, progress: Progress, name: str) -> StepTrace:
        """Build and keep the result in the engine's storage as `name`. Raises StepFailedError."""

    def mounted(self, name: str | None) -> AbstractContextManager[Rendering]:
        """Show an image of the engine's storage; None is an empty one. Raises MachineError."""

    def remove(self, name: str) -> None:
        """Remove an image from the engine's storage; absent is fine."""
