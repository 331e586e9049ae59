"""The engines and their versions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from samebit.doctor.protocol import Bench, Check
from samebit.doctor.trial import attempt
from samebit.engines.buildkit_programs import find_buildx
from samebit.engines.machine import find_program
from samebit.model.diagnosis import Observation, State

AREA = "engines"
_VERSION = re.compile(r"\d+\.\d+(?:\.\d+)*\S*")
_WITHOUT_BUILDKIT = "no --engine buildkit"
# The first whose BuildKit works on containerd's image store, and reads OCI layouts.
_LEAST_DOCKERD = 24


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
    dockerd, buildx = find_program("dockerd"), find_buildx()
    programs = {"dockerd": dockerd, "buildx": buildx}
    programs |= {name: find_program(name) for name in ("containerd", "xz")}
    lacking = [name for name, path in programs.items() if path is None]
    reasons = [f"{', '.join(lacking)}: not installed"] if lacking else []
    found = ""
    if dockerd is not None:
        of_dockerd = version(attempt(dockerd, "--version").output)
        found = f"dockerd {of_dockerd}"
        release = of_dockerd.partition(".")[0]
        if release.isdigit() and int(release) < _LEAST_DOCKERD:
            lacking.append("dockerd")
            reasons.append(f"{found} is too old: {_LEAST_DOCKERD} or newer")
    reason = "; ".join(reasons)
    if not reason and buildx is not None:
        tried = attempt(buildx, "version")
        reason = tried.reason
        found += f", containerd, buildx {version(tried.output)}"
    return Observation(
        AREA,
        "buildkit",
        State.LACKS if reason else State.WORKS,
        found=found,
        reason=reason,
        without=_WITHOUT_BUILDKIT if reason else "",
        fix=bench.distribution.advice(*lacking) if lacking else "",
    )


CHECK = Check(AREA, 10, _probe)
