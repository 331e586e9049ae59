"""Images of the local containers-storage, which buildah, podman and skopeo share."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from samebit.errors import InputError, MachineError
from samebit.image.manifest import Image
from samebit.model.platform import Platform
from samebit.store.store import Store
from samebit.transports import docker_archive

# buildah and podman enter the user's own namespace by themselves, skopeo does not.
_TOOLS = ("buildah", "podman", "skopeo")
_TAIL = 20


def load(
    name: str, store: Store, platform: Platform | None, *, command: Sequence[str] | None = None
) -> Image:
    """Put the image that the local storage calls `name` into the store, canonicalised.

    `command` is buildah, podman or skopeo with its global options (such as --root); None takes what
    is installed, with the user's default storage. Raises InputError when the storage has no such
    image, MachineError without any of these tools.

    The image comes as a docker-archive: the storage holds no compressed blobs, and on the way to an
    OCI layout these tools would drop ONBUILD, HEALTHCHECK and SHELL of images in Docker's format.
    """
    chosen = tuple(command) if command is not None else _installed(name)
    with store.temporary_directory() as directory:
        archive = directory / "image.tar"
        _run(_export(chosen, name, archive), directory, name)
        return docker_archive.load(archive, store, platform)


def _installed(name: str) -> tuple[str, ...]:
    # Only skopeo understands "[driver@root+run]name".
    tools = ("skopeo",) if name.startswith("[") else _TOOLS
    for tool in tools:
        if path := shutil.which(tool):
            return (path,)
    raise MachineError(
        f"reading containers-storage needs {' or '.join(tools)}, and none is installed",
        fix=f"apt install {tools[0]}",
    )


def _export(command: tuple[str, ...], name: str, archive: Path) -> list[str]:
    target = f"docker-archive:{archive}"
    if any(os.path.basename(word) == "skopeo" for word in command):
        return [*command, "copy", f"containers-storage:{name}", target]
    return [*command, "push", name, target]


def _run(command: list[str], directory: Path, name: str) -> None:
    # These tools keep whole layers in TMPDIR: beside the result there is room for them.
    environment = {**os.environ, "TMPDIR": str(directory)}
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        raise MachineError(
            f"cannot run {command[0]}: {error.strerror}", fix="install it, or check its permissions"
        ) from error
    if done.returncode:
        lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
        raise InputError(
            f"{os.path.basename(command[0])} cannot give the image {name!r} of containers-storage",
            fix="list what there is with: buildah images",
            detail="\n".join(lines[-_TAIL:]),
        )
