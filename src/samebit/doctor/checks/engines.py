"""The engines and their versions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from samebit.doctor.protocol import Bench, Check
from samebit.doctor.trial import attempt
from samebit.engines.machine import find_program
from samebit.model.diagnosis import Observation, State

AREA = "engines"
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)*\S*")
_WITHOUT_BUILDKIT = "no --engine buildkit"


def _probe(bench: Bench) -> Iterator[Observation]:
    if bench.program is None:
        yield Observation(
            AREA,
            "buildah",
            State.LACKS,
            needed=True,
            reason="not installed",
            without="no build",
            fix=bench.distribution.advice("buildah", "runc"),
        )
    else:
        tried = attempt(bench.program, "--version")
        state = State.WORKS if tried.worked else State.LACKS
        found = f"{version(tried.output)}, {bench.program}"
        yield Observation(AREA, "buildah", state, found=found, needed=True, reason=tried.reason)
    yield _buildkit(bench)


def version(text: str) -> str:
    """Find the version in what a program says of itself."""
    found = _VERSION.search(text)
    return found.group().rstrip(",;") if found else "version unknown"


def _buildkit(bench: Bench) -> Observation:
    """Look for what an own BuildKit is made of; docker's daemon need not run."""
    missing = [name for name in ("dockerd", "containerd") if find_program(name) is None]
    docker = find_program("docker")
    buildx = attempt(docker, "buildx", "version") if docker is not None else None
    if buildx is None or not buildx.worked:
        missing.append("docker buildx")
    elif not missing:
        found = f"dockerd, containerd, buildx {version(buildx.output)}"
        return Observation(AREA, "buildkit", State.WORKS, found=found)
    return Observation(
        AREA,
        "buildkit",
        State.LACKS,
        reason=f"{', '.join(missing)}: not installed",
        without=_WITHOUT_BUILDKIT,
        fix=bench.distribution.advice("buildx", "dockerd"),
    )


CHECK = Check(AREA, 10, _probe)
