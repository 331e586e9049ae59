"""`--engine` and SAMEBIT_ENGINE: which engine to start."""

from __future__ import annotations

import os
from pathlib import Path

from samebit.engines.buildah import Buildah
from samebit.engines.conditions import EngineConditions
from samebit.engines.rootless import enter_user_namespace
from samebit.errors import UsageError

_USUAL = EngineConditions()


def engine_program(choice: str | None = None) -> str:
    """Give the program that `choice` names, without a choice SAMEBIT_ENGINE. Raises UsageError."""
    text = choice or os.environ.get("SAMEBIT_ENGINE") or "buildah"
    name, _, path = text.partition(":")
    if name != "buildah":
        raise UsageError(f"there is no engine {name!r}", fix="use --engine buildah or buildah:PATH")
    return path or "buildah"


def start_engine(choice: str | None, home: Path, conditions: EngineConditions = _USUAL) -> Buildah:
    """Start the engine that `choice` names (`buildah[:PATH]`), with state below `home`.

    Without a choice SAMEBIT_ENGINE decides, then buildah. SAMEBIT_STORAGE_DRIVER chooses the
    storage driver; what `conditions` say goes before both. For an ordinary user the process starts
    anew inside a user namespace. Raises UsageError, and MachineError when the engine is missing.
    """
    chosen = engine_program(choice)
    driver = os.environ.get("SAMEBIT_STORAGE_DRIVER") or None
    if driver not in {None, "overlay", "vfs"}:
        raise UsageError(
            f"SAMEBIT_STORAGE_DRIVER is {driver!r}", fix="set it to overlay or vfs, or unset it"
        )
    program = conditions.program or chosen
    enter_user_namespace(program)
    return Buildah(
        home / "engines" / "buildah",
        program,
        conditions.driver or driver,
        runtime=conditions.runtime,
        environment=conditions.environment,
    )
