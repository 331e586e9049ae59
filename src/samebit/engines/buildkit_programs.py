"""The programs of a BuildKit of samebit's own: Docker's daemon, containerd and buildx."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from samebit.engines.machine import find_program, install_advice
from samebit.engines.runtime_choice import RUNTIMES
from samebit.errors import MachineError

# What dockerd starts for archives that ADD unpacks. Without it they would be copied as they are,
# and the image have another digest.
_XZ = "xz"
# Where distributions and Docker's own packages put the plugins of its command line.
_PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)


@dataclass(frozen=True, slots=True)
class OwnPrograms:
    """Paths of what a daemon of our own needs; `runtime` is the OCI runtime."""

    dockerd: str
    containerd: str
    buildx: str
    runtime: str


def own_programs(runtime: str | None) -> OwnPrograms:
    """Find the programs; `runtime` is the OCI runtime to use, None for the usual one.

    Raises MachineError that says what is missing.
    """
    found = {name: find_program(name) for name in ("dockerd", "containerd", _XZ)}
    found["buildx"] = find_buildx()
    found["runc"] = runtime or next(filter(None, map(find_program, RUNTIMES)), None)
    missing = [name for name, path in found.items() if path is None]
    if missing:
        raise MachineError(
            f"a BuildKit of samebit's own needs {', '.join(missing)}, which this machine lacks",
            fix=f"{install_advice(' '.join(missing))}; or use --engine buildah",
        )
    return OwnPrograms(*(str(found[name]) for name in ("dockerd", "containerd", "buildx", "runc")))


def find_buildx() -> str | None:
    """Give the path of buildx: a program by itself, or a plugin of docker's command line."""
    found = find_program("docker-buildx") or find_program("buildx")
    if found is not None:
        return found
    configuration = os.environ.get("DOCKER_CONFIG") or os.path.expanduser("~/.docker")
    for folder in (os.path.join(configuration, "cli-plugins"), *_PLUGIN_FOLDERS):
        path = Path(folder) / "docker-buildx"
        if os.access(path, os.X_OK):
            return str(path)
    return None
