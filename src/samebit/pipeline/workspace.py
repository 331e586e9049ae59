"""The user's files of a build: Dockerfile, context, ignore rules, samebit.toml, lock."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path

from samebit.configuration.samebit_toml import (
    Configuration,
    find_configuration,
    read_configuration,
)
from samebit.context.ignore import IgnoreRules, read_ignore
from samebit.dockerfile.parser import decode, parse
from samebit.dockerfile.syntax import Dockerfile
from samebit.errors import DockerfileError, Place, UsageError
from samebit.lock.model import Lock
from samebit.lock.toml import lock_path, read_lock
from samebit.pipeline.request import STANDARD_INPUT, BuildRequest

_NAMES = ("Dockerfile", "Containerfile")


@dataclass(frozen=True, slots=True)
class Workspace:
    """Everything that was read from the user's files. `lock_file` is None for standard input.

    `lock_files` are all that samebit may write for this and for the images of samebit.toml.
    """

    context: Path
    dockerfile: Dockerfile
    rules: IgnoreRules
    configuration: Configuration
    lock_file: Path | None
    lock_files: tuple[Path, ...]
    lock: Lock | None


def open_workspace(request: BuildRequest) -> Workspace:
    """Read the user's files; raises UsageError and DockerfileError naming what is missing."""
    context = request.context
    if not context.is_dir():
        what = "is not a directory" if context.exists() else "does not exist"
        raise UsageError(
            f"the build context {what}",
            where=Place(str(context)),
            fix="give the directory that the Dockerfile copies from, e.g. samebit build .",
        )
    path = find_dockerfile(context, request.file)
    if path is None:
        data, shown = sys.stdin.buffer.read(), "Dockerfile (standard input)"
    else:
        data, shown = _read(path), str(path)
    dockerfile = parse(decode(data, shown), shown)
    folders = [context] if path is None else [path.parent, context]
    lock_file = lock_path(path, request.image) if path else None
    configuration = read_configuration(request.configuration or find_configuration(folders))
    return Workspace(
        context=context,
        dockerfile=dockerfile,
        rules=read_ignore(context, path),
        configuration=configuration,
        lock_file=lock_file,
        lock_files=_lock_files(path, configuration),
        lock=read_lock(lock_file) if lock_file else None,
    )


def has_dockerfile(folder: Path) -> bool:
    """Tell whether `folder` can be a build context without -f."""
    return any((folder / name).is_file() for name in _NAMES)


def find_dockerfile(context: Path, file: str | None) -> Path | None:
    """Give the Dockerfile that `file` names, or the context's; None for standard input.

    Raises DockerfileError when the context has none.
    """
    if file == STANDARD_INPUT:
        return None
    if file is not None:
        return Path(file)
    for name in _NAMES:
        path = context / name
        if path.is_file():
            return path
    raise DockerfileError(
        f"there is no Dockerfile in {context}",
        where=Place(os.path.join(context, _NAMES[0])),
        fix="name it with -f, or give the context that holds it",
    )


def _lock_files(dockerfile: Path | None, configuration: Configuration) -> tuple[Path, ...]:
    found: list[Path] = []
    if dockerfile is not None:
        # A build inside one part of a project does not see the samebit.toml that names its images.
        images = dockerfile.parent.glob(lock_path(Path(escape(dockerfile.name)), "*").name)
        found += [lock_path(dockerfile), *sorted(images)]
    if configuration.path is not None:
        folder = configuration.path.parent
        for image in configuration.images.values():
            with suppress(DockerfileError):
                file = os.fspath(folder / image.file) if image.file else None
                path = find_dockerfile(folder / image.context, file)
                if path is not None:
                    found += [lock_path(path), lock_path(path, image.name)]
    return tuple(dict.fromkeys(found))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DockerfileError(
            "the Dockerfile does not exist", where=Place(str(path)), fix="check the path after -f"
        ) from None
    except OSError as error:
        raise DockerfileError(
            f"the Dockerfile cannot be read: {error.strerror}",
            where=Place(str(path)),
            fix="name a readable file with -f",
        ) from error
