"""Programs that unpack images and are not ours: umoci, buildah and podman."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def unpacked(unpacker: str, layout: Path, work: Path) -> Iterator[Path]:
    """Unpack the image `t` of an OCI layout; gives the root, which is gone afterwards.

    `unpacker` is `umoci`, or `buildah-DRIVER` or `podman-DRIVER` with the storage driver.
    """
    name, _, driver = unpacker.partition("-")
    if name == "umoci":
        try:
            _run("umoci", "unpack", "--image", f"{layout}:t", work / "bundle")
            yield work / "bundle/rootfs"
        finally:
            # Python's own removal, and so pytest's, goes no deeper than it can recurse.
            _run("rm", "-rf", work / "bundle")
        return
    # podman takes no path of more than 50 characters for what lasts until the next boot.
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="s-") as short:
        storage = [f"--root={work}/root", f"--runroot={short}", f"--storage-driver={driver}"]
        yield from _mounted([name, *storage], layout)


def _mounted(command: list[str], layout: Path) -> Iterator[Path]:
    if command[0] == "buildah":
        container = _run(*command, "from", f"oci:{layout}:t")
    else:
        image = _run(*command, "pull", "--quiet", f"oci:{layout}:t")
        container = _run(*command, "create", image, "nothing")
    try:
        yield Path(_run(*command, "mount", container))
    finally:
        _run(*command, "umount", container)
        _run(*command, "rm", container)
        _run(*command, "rmi", "--all")


def _run(*arguments: str | Path) -> str:
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
