"""OCI runtimes: each is given a minimal bundle (runtime-spec config.md), and has to run it."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

from samebit.doctor.checks.engines import version
from samebit.doctor.protocol import Bench, Check
from samebit.doctor.trial import attempt
from samebit.engines.machine import find_program
from samebit.engines.probe_image import exit_program
from samebit.model.diagnosis import Observation, State

AREA = "runtimes"
_RUNTIMES = ("runc", "crun")
_WITHOUT = "verify cannot vary the runtime; one that works is enough to build"
_BUNDLE = {
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False,
        "user": {"uid": 0, "gid": 0},
        "args": ["/true"],
        "env": [],
        "cwd": "/",
        "noNewPrivileges": True,
    },
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "samebit",
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "linux": {"namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount", "network")]},
}


def _probe(bench: Bench) -> Iterator[Observation]:
    for name in _RUNTIMES:
        path = find_program(name)
        if path is None:
            advice = bench.distribution.advice(name)
            yield Observation(
                AREA, name, State.LACKS, reason="not installed", without=_WITHOUT, fix=advice
            )
            continue
        found = f"{version(attempt(path, '--version').output)}, {path}"
        program = exit_program()
        untried = bench.refused or ("" if program else "samebit has no program to try it with")
        if untried or bench.work is None or program is None:
            yield Observation(AREA, name, State.UNTRIED, found=found, reason=untried)
            continue
        reason = run_bundle(path, bench.work / f"bundle-{name}", program)
        if reason:
            yield Observation(AREA, name, State.LACKS, found=found, reason=reason, without=_WITHOUT)
        else:
            yield Observation(AREA, name, State.WORKS, found=f"{found}; it ran a container")


def run_bundle(runtime: str, folder: Path, program: bytes) -> str:
    """Run the static executable `program` in a bundle below `folder`; gives why it failed."""
    root = folder / "rootfs"
    (root / "proc").mkdir(parents=True)
    (root / "true").write_bytes(program)
    (root / "true").chmod(stat.S_IRWXU)
    (folder / "config.json").write_text(json.dumps(_BUNDLE), "ascii")
    state = folder / "state"
    tried = attempt(runtime, "--root", str(state), "run", "--bundle", str(folder), "samebit-doctor")
    # It may have made the container before it failed.
    attempt(runtime, "--root", str(state), "delete", "--force", "samebit-doctor")
    return tried.reason


CHECK = Check(AREA, 20, _probe)
