"""What an axis is: something of the machine that a build must not depend on.

A module below `samebit.variations.axes` exports one `Axis`; that is all: they are discovered. An
axis changes the conditions of a build, or says why it cannot on this machine. What the Dockerfile
may rely on by contract (its environment, the environment set, umask 022, the lock's bytes) is no
axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from samebit.engines.conditions import EngineConditions, StepConditions


@dataclass(frozen=True, slots=True)
class ContextConditions:
    """What of the build context's copy differs from the original, besides that it is a copy.

    `moved` says that there is a copy: the others ask for one, too. `mapped` asks for owners that a
    user namespace has.
    """

    moved: bool = False
    times: bool = False
    owner: bool = False
    modes: bool = False
    attributes: bool = False
    order: bool = False
    mapped: bool = False


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under which a build runs; without arguments those of every ordinary one.

    `user_namespace`: by root of a user namespace, which has no rights over the machine.
    """

    step: StepConditions = field(default_factory=StepConditions)
    engine: EngineConditions = field(default_factory=EngineConditions)
    context: ContextConditions = field(default_factory=ContextConditions)
    user_namespace: bool = False


@dataclass(frozen=True, slots=True)
class Machine:
    """What axes need to know of the machine, and of what is built.

    `number` counts varied builds from 1, so that each may be varied otherwise. `processors` are
    those that may be used. `engine` is the engine's name, `home` the folder of its storage,
    `driver` and `program` what an ordinary build uses. `other_engine` is the path of an engine
    that a person named, empty where nobody did. `other_runtime` is the path of another OCI
    runtime that works here, or why there is none. `no_user_namespace` says why no build can run
    in one, empty where it can. `space` estimates what a storage of its own needs, in bytes,
    `memory` is what is free of it. `temporary` is TMPDIR.
    """

    number: int
    processors: tuple[int, ...]
    home: Path
    driver: str
    engine: str
    program: str
    other_engine: str
    other_runtime: str
    no_user_namespace: str
    space: int
    memory: int
    temporary: Path


@dataclass(frozen=True, slots=True)
class Varied:
    """The changed conditions, and in a few words what was changed: `1 of 2`."""

    conditions: Conditions
    how: str


@dataclass(frozen=True, slots=True)
class NotVaried:
    """Why the axis cannot be varied here."""

    reason: str


Apply: TypeAlias = Callable[[Conditions, Machine], Varied | NotVaried]


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis. `what` says in a sentence what it changes.

    `order`: lower ones are applied first. `risky`: an honest program may fail under it, so that a
    failing build is tried again without it. `includes` names an axis that this one cannot change
    apart from it.
    """

    name: str
    what: str
    apply: Apply
    order: int = 50
    risky: bool = False
    includes: str = ""
