"""What the runtime shim is told of a varied machine."""

from __future__ import annotations

import os

from samebit.engines.conditions import MovedClock, StepConditions

# Below /dev, where no mount leaves anything in the image.
_LIBRARY = "/dev/.samebit/libfaketime.so.1"
# Where glibc's libc.so.6 may lie, by the architectures that libfaketime is built for.
_FOLDERS = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/usr/lib",
    "/lib",
)


def shim_conditions(conditions: StepConditions) -> dict[str, object] | None:
    """Give them in the form that the shim's plan has; None for an ordinary build."""
    if conditions == StepConditions():
        return None
    return {
        "processors": list(conditions.processors),
        "personality": conditions.personality,
        "open_files": conditions.open_files,
        "first_process": conditions.first_process,
        "seconds": conditions.seconds,
        "variables": dict(conditions.variables),
        "clock": _clock(conditions.clock) if conditions.clock is not None else None,
    }


def _clock(clock: MovedClock) -> dict[str, object]:
    with clock.library.open("rb") as stream:
        head = stream.read(20)
    return {
        "version": clock.version,
        # Class and machine of ELF's header (gABI, "ELF Header").
        "machine": (head[4:5] + head[18:20]).hex(),
        "folders": list(_FOLDERS),
        "mounts": [
            {
                "destination": _LIBRARY,
                "type": "bind",
                "source": os.fspath(clock.library.resolve()),
                "options": ["rbind", "ro", "nosuid", "nodev"],
            }
        ]
        if clock.shift
        else [],
        "variables": {
            "LD_PRELOAD": _LIBRARY,
            "FAKETIME": f"{clock.shift:+d}",
            # Files keep their real times, and waiting takes as long as it does.
            "NO_FAKE_STAT": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
        }
        if clock.shift
        else {},
    }
