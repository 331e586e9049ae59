"""What samebit asks of an engine: run a lowered Dockerfile and show the final tree."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from samebit.model.rendering import Rendering

TRUST_PATH = "/dev/.samebit/ca.pem"


@dataclass(frozen=True, slots=True)
class StepRun:
    """What one RUN step gets: exactly this environment, and the network it asked for.

    `args` and `cwd` are what the evaluator computed; the engine's own idea of them is compared.
    `network` is default, host or none. `secrets` are (variable, mount point) pairs: the secret that
    the engine mounts there is given in the environment instead.
    """

    args: tuple[str, ...]
    env: tuple[tuple[str, str], ...]
    cwd: str
    network: str = "default"
    secrets: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EnginePlan:
    """A lowered Dockerfile with all that it refers to.

    `dockerfile` is the lowered text, `context` and `build_contexts` are private directories,
    `steps` maps step markers (`stage/ordinal`) to what the runtime shim enforces, `secrets` and
    `ssh` are passed to the engine as given on the command line, `base` is the imported name of the
    final stage's base (None: scratch), `set_if_absent` the environment set and trust variables,
    `describe` turns a step marker into `PATH:LINE instruction` for messages.
    """

    dockerfile: str
    context: Path
    build_contexts: Mapping[str, Path]
    steps: Mapping[str, StepRun]
    base: str | None
    platform: str
    set_if_absent: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    ssh: tuple[str, ...] = ()
    trust: Path | None = None


@dataclass(frozen=True, slots=True)
class FinalTree:
    """The engine's rendering of the base (None: nothing but an empty root) and of the result.

    Valid only inside the context manager that gave it. `breaks_links` as in image.delta.
    """

    base: Rendering | None
    final: Rendering
    breaks_links: bool


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

    def has_image(self, name: str) -> bool:
        """Tell whether the engine's storage has an image of that name."""

    def import_base(self, name: str, layout: Path) -> None:
        """Import the only image of an OCI layout under `name`. Raises InputError, MachineError."""

    def build(
        self, plan: EnginePlan, work: Path, progress: Progress
    ) -> AbstractContextManager[FinalTree]:
        """Build; the tree is there while the context lasts. Raises StepFailedError."""

    def commit(self, plan: EnginePlan, work: Path, progress: Progress, name: str) -> None:
        """Build and keep the result in the engine's storage as `name`. Raises StepFailedError."""

    def mounted(self, name: str | None) -> AbstractContextManager[Rendering]:
        """Show an image of the engine's storage; None is an empty one. Raises MachineError."""

    def remove(self, name: str) -> None:
        """Remove an image from the engine's storage; absent is fine."""
