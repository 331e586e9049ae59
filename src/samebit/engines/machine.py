"""What this machine offers an engine: programs, kernel facts, how to install what is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from samebit.distribution.install import this_distribution
from samebit.errors import MachineError

PACKAGES = "buildah runc"
"""What an ordinary machine lacks when it cannot build."""

_SYSTEM_PATH = "/usr/sbin:/usr/local/sbin:/sbin:/usr/bin"


def find_program(name: str) -> str | None:
    """Path of a program on PATH or in the system directories that PATH of a user may lack."""
    return shutil.which(name) or shutil.which(name, path=_SYSTEM_PATH)


def require_engine(name: str, packages: str) -> str:
    """Path of the engine's program, which comes in `packages`. Raises MachineError."""
    found = find_program(name)
    if found is not None:
        return found
    if os.sep in name:
        raise MachineError(
            f"there is no program {name}",
            fix="correct the path that the option or the variable gives",
        )
    raise MachineError(f"{name} is not installed", fix=install_advice(packages))


def install_advice(packages: str) -> str:
    """Say how to install `packages`, in samebit's names for them, on this distribution."""
    here = this_distribution()
    advice = here.advice(*packages.split())
    return advice if here.command(*packages.split()) is None else f"install it: {advice}"


def filesystem_of(path: bytes) -> str:
    """Type of the file system that is mounted at or above `path`, from /proc/self/mountinfo."""
    path = os.path.realpath(path)
    found, longest = "", -1
    for line in Path("/proc/self/mountinfo").read_bytes().splitlines():
        left, _, right = line.partition(b" - ")
        point = left.split(b" ")[4].decode("unicode_escape").encode("latin-1")
        inside = path == point or path.startswith(point.rstrip(b"/") + b"/")
        if inside and len(point) >= longest:
            longest = len(point)
            found = right.split(b" ")[0].decode("ascii", "replace")
    return found


def boot_id() -> str:
    """Identify the running kernel's boot: runtime state of an earlier boot must not be used."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:8]
    except OSError:
        return "unknown"
