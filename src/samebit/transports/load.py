"""`--load`: handing an image to the engine that the user works with."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from samebit.errors import MachineError
from samebit.model.descriptor import Descriptor
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.store.store import Store
from samebit.transports import docker_archive, oci_archive
from samebit.transports.resolve import stored_image

_TAIL = 20
_DAEMON_SECONDS = 20


def load_into_engine(
    store: Store,
    descriptor: Descriptor,
    names: Sequence[Reference],
    *,
    command: Sequence[str] | None = None,
    platform: Platform | None = None,
) -> str:
    """Load the image under `names`; gives the engine's program that took it.

    `command` is docker, podman or buildah with its global options; None takes docker if a daemon
    answers, else podman, else buildah, each with the user's default storage. Of an index, the image
    for `platform` (None: the native one) is loaded. podman and buildah keep the manifest digest.
    Raises InputError (the store's blobs) or MachineError.
    """
    chosen = list(command) if command is not None else _installed()
    image = stored_image(store, descriptor, platform)
    program = next(
        (
            name
            for word in chosen
            if (name := os.path.basename(word)) in {"docker", "podman", "buildah"}
        ),
        "docker",
    )
    tags = [Reference(name.registry, name.repository, name.tag or "latest") for name in names]
    with store.temporary_directory() as directory:
        archive = directory / "image.tar"
        if program == "docker":
            docker_archive.save(store, image.descriptor, archive, tags)
            _run([*chosen, "load", "--quiet", "--input", str(archive)], str(directory))
            return program
        first = str(tags[0]) if tags else None
        oci_archive.save(store, image.descriptor, archive, first)
        if program == "podman":
            _run([*chosen, "load", "--quiet", "--input", str(archive)], str(directory))
        else:
            _run([*chosen, "pull", "--quiet", f"oci-archive:{archive}"], str(directory))
        for tag in tags[1:]:
            _run([*chosen, "tag", str(tags[0]), str(tag)], str(directory))
    return program


def _installed() -> list[str]:
    docker = shutil.which("docker")
    if docker is not None and _daemon_answers(docker):
        return [docker]
    for tool in ("podman", "buildah"):
        if path := shutil.which(tool):
            return [path]
    raise MachineError(
        "--load found no engine: no docker daemon answers, and there is no podman or buildah",
        fix="start docker, or: apt install podman",
    )


def _daemon_answers(docker: str) -> bool:
    try:
        done = subprocess.run(
            [docker, "version", "--format", "{{.Server.Version}}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_DAEMON_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def _run(command: list[str], temporary: str) -> None:
    try:
        done = subprocess.run(
            command,
            env={**os.environ, "TMPDIR": temporary},
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
        raise MachineError(
            f"{os.path.basename(command[0])} did not take the image",
            fix="the image is in samebit's store; load it again when the engine works",
            detail="\n".join(lines[-_TAIL:]),
        )
