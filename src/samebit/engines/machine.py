"""What this machine offers an engine: programs, kernel facts, how to install what is missing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from samebit.errors import MachineError

PACKAGES = "buildah runc"
"""What an ordinary machine lacks when it cannot build, as distributions call it."""

_INSTALL = {
    "debian": "apt-get install --no-install-recommends {}",
    "ubuntu": "apt-get install --no-install-recommends {}",
    "fedora": "dnf install {}",
    "rhel": "dnf install {}",
    "centos": "dnf install {}",
    "arch": "pacman -S {}",
    "alpine": "apk add {}",
    "opensuse": "zypper install {}",
    "suse": "zypper install {}",
}

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
            f"there is no program {name}", fix="correct the path in --engine or SAMEBIT_ENGINE"
        )
    raise MachineError(f"{name} is not installed", fix=install_advice(packages))


def install_advice(packages: str) -> str:
    """Give the command that installs `packages` on this distribution."""
    sudo = "" if os.geteuid() == 0 else "sudo "
    for identifier in _distribution():
        if identifier in _INSTALL:
            return f"install it: {sudo}{_INSTALL[identifier].format(packages)}"
    return f"install {packages} with your distribution's package manager"


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


def _distribution() -> list[str]:
    values: dict[str, str] = {}
    try:
        text = Path("/etc/os-release").read_text("utf-8", errors="replace")
    except OSError:
        return []
    for line in text.splitlines():
        key, _, value = line.partition("=")
        values[key] = value.strip().strip('"')
    return [values.get("ID", ""), *values.get("ID_LIKE", "").split()]
