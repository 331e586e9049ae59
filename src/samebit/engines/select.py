"""`--engine` and SAMEBIT_ENGINE: which engine to start."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from samebit.engines.conditions import EngineConditions
from samebit.errors import MachineError, UsageError

if TYPE_CHECKING:
    from samebit.engines.buildah import Buildah
    from samebit.engines.buildkit import Buildkit
    from samebit.engines.buildkit_foreign import ForeignBuildkit

_USUAL = EngineConditions()


def engine_program(choice: str | None = None) -> str:
    """Give the program that opens a user namespace: the buildah that is chosen, or the usual one.

    Raises UsageError.
    """
    name, path = _chosen(choice)
    return path if name == "buildah" and path else "buildah"


def takes_long(choice: str | None) -> bool:
    """Tell whether the engine has daemons that take long to start. Raises UsageError."""
    return _chosen(choice) == ("buildkit", "")


def start_engine(choice: str | None, home: Path) -> Buildah | Buildkit | ForeignBuildkit:
    """Start the engine that `choice` names, with state below `home`.

    Without a choice SAMEBIT_ENGINE decides, then buildah. SAMEBIT_STORAGE_DRIVER chooses the
    storage driver. For an ordinary user the process starts anew inside a user namespace. Raises
    UsageError, and MachineError when the engine is missing.
    """
    name, chosen = _chosen(choice)
    if name == "buildkit" and chosen:
        from samebit.engines.buildkit_foreign import ForeignBuildkit  # noqa: PLC0415 - as below

        return ForeignBuildkit(home / "engines" / "buildkit-foreign", chosen)
    return start_own_engine(choice, home)


def start_own_engine(
    choice: str | None, home: Path, conditions: EngineConditions = _USUAL
) -> Buildah | Buildkit:
    """Start an engine as `start_engine` does; what `conditions` say goes before all else.

    Raises MachineError for a builder of someone else's, too.
    """
    name, chosen = _chosen(choice)
    driver = os.environ.get("SAMEBIT_STORAGE_DRIVER") or None
    if driver not in {None, "overlay", "vfs"}:
        raise UsageError(
            f"SAMEBIT_STORAGE_DRIVER is {driver!r}", fix="set it to overlay or vfs, or unset it"
        )
    driver = conditions.driver or driver
    if name == "buildkit" and chosen:
        raise MachineError(
            "samebit verify needs an engine of samebit's own, for the machine to be varied",
            fix="use --engine buildah or --engine buildkit",
        )
    # Each takes its time to be loaded, and only one of them is used.
    if name == "buildkit":
        from samebit.engines.buildkit import Buildkit  # noqa: PLC0415

        return Buildkit(
            home / "engines" / f"buildkit-{driver or 'overlay'}",
            driver,
            runtime=conditions.runtime,
            environment=conditions.environment,
        )
    from samebit.engines.buildah import Buildah  # noqa: PLC0415
    from samebit.engines.rootless import enter_user_namespace  # noqa: PLC0415

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
