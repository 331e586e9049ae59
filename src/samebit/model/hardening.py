"""What `--harden` and `--strip` ask of a build: part of the declared parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

SET_IF_ABSENT, APPEND = "set-if-absent", "append"
HardeningMode: TypeAlias = Literal["set-if-absent", "append"]


@dataclass(frozen=True, slots=True, order=True)
class HardenedVariable:
    """A variable of RUN's environment that a language's toolchain profile asks for.

    `append` adds the value after a blank to what the Dockerfile or the base sets, and sets it where
    they do not.
    """

    language: str
    name: str
    mode: HardeningMode
    value: str


@dataclass(frozen=True, slots=True)
class Hardening:
    """The variables, kept sorted and unique, and whether executables are stripped."""

    variables: tuple[HardenedVariable, ...] = ()
    strip: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "variables", tuple(sorted(set(self.variables))))

    def __bool__(self) -> bool:
        return bool(self.variables or self.strip)

    def absent(self) -> dict[str, str]:
        """Give what every step gets for the variables that it does not have."""
        found: dict[str, list[str]] = {}
        for variable in self.variables:
            values = found.setdefault(variable.name, [])
            if variable.value not in values:
                values.append(variable.value)
        return {name: " ".join(values) for name, values in found.items()}

    def appended(self, environment: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
        """Give a step's environment with what is appended to the variables that it has."""
        found = dict(environment)
        for variable in self.variables:
            if variable.mode == APPEND and variable.name in found:
                found[variable.name] = f"{found[variable.name]} {variable.value}".strip()
        return tuple(found.items())


NO_HARDENING = Hardening()
