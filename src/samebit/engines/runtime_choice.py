"""Another OCI runtime than the one in use: found by trying, remembered until the next boot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from samebit.engines.buildah_storage import remember
from samebit.engines.machine import boot_id, find_program

# crun refuses hybrid control groups that runc accepts, so runc comes first.
RUNTIMES = ("runc", "crun")


def find_other_runtime(
    used: str, home: Path, driver: str, tried: Callable[[str], str | None]
) -> str:
    """Give the path of a runtime beside the used one that works; else why there is none.

    `tried` runs a container through the runtime at a path and gives why that fails. What it found
    is kept in `home`, for each storage driver. Raises OSError, and what `tried` raises.
    """
    reasons = []
    for name in RUNTIMES:
        path = find_program(name)
        if path == used:
            continue
        if path is None:
            reasons.append(f"{name} is not installed")
            continue
        record = home / f"other-{name}-{driver}-{boot_id()}"
        if not record.exists():
            remember(record, tried(path) or path)
        known = record.read_text("utf-8")
        if known == path:
            return path
        reasons.append(f"{name} does not work here")
    return ", ".join(reasons)
