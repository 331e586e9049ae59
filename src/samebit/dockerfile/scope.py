"""Build arguments: which exist without a declaration, and what a declaration sees.

Dockerfile reference, "ARG": "Scope", "Predefined ARGs" and "Automatic platform ARGs".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from samebit.dockerfile.expand import expand
from samebit.dockerfile.syntax import Dockerfile, Instruction
from samebit.model.platform import Platform

_PROXIES = frozenset({"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"})
_EPOCH = "SOURCE_DATE_EPOCH"


class _Body(Protocol):
    @property
    def instructions(self) -> tuple[Instruction, ...]: ...


def is_proxy(name: str) -> bool:
    """Whether RUN gets this build arg undeclared; its value is never recorded."""
    return name.lower() in _PROXIES and (name.islower() or name.isupper())


def predefined(platform: Platform, build_platform: Platform, target: str) -> dict[str, str]:
    """Give the automatic arguments, visible in FROM and to an ARG without a default."""
    return {
        "BUILDPLATFORM": str(build_platform),
        "BUILDOS": build_platform.os,
        "BUILDOSVERSION": "",
        "BUILDARCH": build_platform.architecture,
        "BUILDVARIANT": build_platform.variant,
        "TARGETPLATFORM": str(platform),
        "TARGETOS": platform.os,
        "TARGETOSVERSION": "",
        "TARGETARCH": platform.architecture,
        "TARGETVARIANT": platform.variant,
        "TARGETSTAGE": target,
    }


def global_args(
    dockerfile: Dockerfile,
    automatic: Mapping[str, str],
    given: Mapping[str, str],
    epoch: int | None,
) -> dict[str, str]:
    """Give the values that FROM lines see: automatic ones and ARG before the first FROM.

    Raises DockerfileError for a default that cannot be expanded.
    """
    values = {key: given.get(key, value) for key, value in automatic.items()}
    for instruction in dockerfile.instructions:
        if instruction.stage >= 0:
            break
        where = dockerfile.place(instruction.span)
        for key, default in instruction.pairs:
            if key in given:
                values[key] = given[key]
            elif default is not None:
                values[key] = expand(default, values, escape=dockerfile.escape, where=where)
            elif key == _EPOCH and epoch is not None:
                values[key] = str(epoch)
    return values


def stage_arg(
    key: str,
    default: str | None,
    given: Mapping[str, str],
    outer: Mapping[str, str],
    epoch: int | None,
) -> str | None:
    """Give the value an ARG inside a stage gets; `default` is expanded already. None: not set."""
    if key in given:
        return given[key]
    if default is not None:
        return default
    if key in outer:
        return outer[key]
    return str(epoch) if key == _EPOCH and epoch is not None else None


def declared(dockerfile: Dockerfile, stages: Iterable[_Body]) -> set[str]:
    """Give the names that ARG declares before the first FROM and in `stages`."""
    before = [i for i in dockerfile.instructions if i.stage < 0]
    inside = [i for stage in stages for i in stage.instructions]
    return {key for i in [*before, *inside] if i.keyword == "ARG" for key, _ in i.pairs}
