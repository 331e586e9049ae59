"""`--engine` and SAMEBIT_ENGINE: which engine to start."""

from __future__ import annotations

import os
from pathlib import Path

from samebit.engines.buildah import Buildah
from samebit.engines.buildkit import Buildkit
from samebit.engines.buildkit_foreign import ForeignBuildkit
from samebit.engines.conditions import EngineConditions
from samebit.engines.rootless import enter_user_namespace
from samebit.errors import MachineError, UsageError

_USUAL = EngineConditions()


def engine_program(choice: str | None = None) -> str:
    """Give the program that opens a user namespace: the buildah that is chosen, or the usual one.

    Raises UsageError.
    """
    name, path = _chosen(choice)
    return path if name == "buildah" and path else "buildah"


def start_engine(
    choice: str | None, home: Path, conditions: EngineConditions = _USUAL
) -> Buildah | Buildkit | ForeignBuildkit:
    """Start the engine that `choice` names, with state below `home`.

    Without a choice SAMEBIT_ENGINE decides, then buildah. SAMEBIT_STORAGE_DRIVER chooses the
    storage driver; what `conditions` say goes before both. For an ordinary user the process starts
    anew inside a user namespace. Raises UsageError, and MachineError when the engine is missing.
    """
    name, chosen = _chosen(choice)
    driver = os.environ.get("SAMEBIT_STORAGE_DRIVER") or None
    if driver not in {None, "overlay", "vfs"}:
        raise UsageError(
            f"SAMEBIT_STORAGE_DRIVER is {driver!r}", fix="set it to overlay or vfs, or unset it"
        )
    driver = conditions.driver or driver
    if name == "buildkit" and chosen:
        if conditions != _USUAL:
            raise MachineError(
                "a builder of someone else's does not let a build find the machine changed",
                fix="use --engine buildah or --engine buildkit",
            )
        return ForeignBuildkit(home / "engines" / "buildkit-foreign", chosen)
    if name == "buildkit":
        return Buildkit(
            home / "engines" / f"buildkit-{driver or 'overlay'}",
            driver,
            runtime=conditions.runtime,
            environment=conditions.environment,
        )
    program = conditions.program or chosen or "buildah"
    enter_user_namespace(program)
    return Buildah(
        home / "engines" / "buildah",
        program,
        driver,
        runtime=conditions.runtime,
        environment=conditions.environment,
    )


def _chosen(choice: str | None) -> tuple[str, str]:
    """Give the engine's name, and what comes after the colon. Raises UsageError."""
    text = choice or os.environ.get("SAMEBIT_ENGINE") or "buildah"
    name, _, rest = text.partition(":")
    if name not in {"buildah", "buildkit"}:
        raise UsageError(
            f"there is no engine {name!r}",
            fix="use --engine buildah, buildah:PATH, buildkit or buildkit:BUILDER",
        )
    return name, rest
