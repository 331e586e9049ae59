"""`--harden LANGUAGE` and `--strip`: from what a person asks to what the lock records."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from samebit.configuration.samebit_toml import Configuration
from samebit.errors import UsageError
from samebit.model.hardening import APPEND, HardenedVariable, Hardening
from samebit.pipeline.request import BuildRequest

if TYPE_CHECKING:
    from samebit.toolchains.profile import Profile


def hardening_of(request: BuildRequest, configuration: Configuration) -> Hardening:
    """Look up the profiles of the languages that are asked for.

    Raises UsageError for an unknown language, one whose profile sets nothing, and two that set one
    variable to different values.
    """
    found: list[HardenedVariable] = []
    if request.harden:
        # Few builds ask for it.
        from samebit.toolchains.load import load_toolchains  # noqa: PLC0415

        toolchains = load_toolchains(configuration.audit.toolchains)
        for language in sorted(set(request.harden)):
            found += _variables(toolchains.profile(language))
    _check(found)
    return Hardening(tuple(found), request.strip)


def _variables(profile: Profile) -> list[HardenedVariable]:
    from samebit.toolchains.profile import Mode  # noqa: PLC0415 - see above

    found = [
        HardenedVariable(
            profile.language,
            variable.name,
            "append" if variable.mode is Mode.APPEND else "set-if-absent",
            variable.value,
        )
        for variable in profile.environment
        if variable.mode is not Mode.NEVER
    ]
    if not found:
        why = "; ".join(f"{v.name}: {v.reason}" for v in profile.environment)
        raise UsageError(
            f"--harden {profile.language}: there is no variable that would be safe to set",
            detail=why or None,
            fix=f"leave it out; samebit audit says what mends {profile.language} programs",
        )
    return found


def _check(variables: Iterable[HardenedVariable]) -> None:
    before: dict[str, HardenedVariable] = {}
    for variable in variables:
        other = before.setdefault(variable.name, variable)
        same = (other.mode, other.value) == (variable.mode, variable.value)
        if not same and (variable.mode != APPEND or other.mode != APPEND):
            raise UsageError(
                f"--harden {other.language} and {variable.language} do not agree on"
                f" {variable.name}",
                fix="leave one of them out",
            )
