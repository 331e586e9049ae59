"""`--image NAME`: the options of a build that samebit.toml holds under a name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from samebit.configuration.samebit_toml import FILE_NAME, find_configuration, read_configuration
from samebit.errors import Place, UsageError
from samebit.model.platform import Platform
from samebit.model.reference import Reference


@dataclass(frozen=True, slots=True)
class NamedBuild:
    """A named image with its paths made ready to use from the current directory."""

    configuration: Path
    context: Path
    file: str | None
    target: str | None
    platforms: tuple[Platform, ...]
    build_args: tuple[tuple[str, str], ...]
    tags: tuple[Reference, ...]


def named_build(folder: Path, name: str) -> NamedBuild:
    """Look `name` up in the samebit.toml of `folder`. Raises UsageError naming the nearest one."""
    path = find_configuration([folder])
    if path is None:
        raise UsageError(
            f"--image {name}: there is no {FILE_NAME}",
            where=Place(os.fspath(folder)),
            fix=f"give the folder that holds {FILE_NAME}, or leave --image out",
        )
    image = read_configuration(path).image(name)
    return NamedBuild(
        configuration=path,
        context=folder / image.context,
        file=os.fspath(folder / image.file) if image.file is not None else None,
        target=image.target,
        platforms=image.platforms,
        build_args=image.build_args,
        tags=image.tags,
    )
