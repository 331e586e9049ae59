"""How RUN can be isolated: the engine builds an image with a RUN, each way. One is enough."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.distribution.install import is_root
from samebit.doctor.protocol import Bench, Check
from samebit.engines.asked_isolation import CHROOT
from samebit.engines.buildah_storage import open_storage
from samebit.engines.chroot_launcher import chroot_program
from samebit.engines.isolation import try_runtime
from samebit.engines.machine import find_program
from samebit.engines.probe_image import exit_program
from samebit.model.diagnosis import Observation, State

AREA = "isolation"
_RUNTIMES = ("runc", "crun")


def _probe(bench: Bench) -> Iterator[Observation]:
    oci = "oci" if is_root() else "oci, rootless"
    program = exit_program()
    if bench.program is None or bench.work is None or bench.refused or program is None:
        reason = bench.refused or "there is no engine to try it with"
        for name in (oci, CHROOT):
            yield Observation(
                AREA,
                name,
                State.UNTRIED,
                needed=name == CHROOT,
                reason=reason,
                fix=bench.user_fix,
            )
        return
    storage = open_storage(bench.work / "isolation", bench.program, None)
    reasons: dict[str, str] = {}
    working = ""
    for name in _RUNTIMES:
        path = find_program(name)
        failure = try_runtime(storage, path) if path else "not installed"
        if failure is None:
            working = working or name
        else:
            reasons[name] = failure
    yield Observation(
        AREA,
        oci,
        State.WORKS if working else State.LACKS,
        found=f"with {working} on {storage.driver}" if working else "",
        reason="" if working else "; ".join(f"{name}: {why}" for name, why in reasons.items()),
        without="" if working else "--isolation chroot is all there is, if it works",
        fix="" if working else bench.distribution.advice(*_RUNTIMES),
    )
    refusal = try_runtime(storage, chroot_program(storage))
    yield Observation(
        AREA,
        CHROOT,
        State.LACKS if refusal else State.WORKS,
        found="" if refusal else "needs no control groups; shows RUN more of this machine",
        needed=not working,
        reason=refusal or "",
        without="no builds inside containers that forbid everything else" if refusal else "",
    )


CHECK = Check(AREA, 30, _probe)
