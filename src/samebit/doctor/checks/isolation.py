"""How RUN can be isolated: the engine builds an image with a RUN, once each way."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.distribution.install import is_root
from samebit.doctor.protocol import Bench, Check
from samebit.doctor.trial import attempt, last_words
from samebit.engines.buildah_storage import open_storage, ulimits
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
        for name in (oci, "chroot"):
            yield Observation(
                AREA,
                name,
                State.UNTRIED,
                needed=name == oci,
                reason=reason,
                fix=bench.user_fix if name == oci else "",
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
        needed=True,
        reason="" if working else "; ".join(f"{name}: {why}" for name, why in reasons.items()),
        without="" if working else "no RUN",
        fix="" if working else bench.distribution.advice(*_RUNTIMES),
    )
    yield _chroot(bench, program)


def _chroot(bench: Bench, program: bytes) -> Observation:
    assert bench.work is not None
    assert bench.program is not None
    storage = open_storage(bench.work / "chroot", bench.program, None)
    context = bench.work / "chroot-context"
    context.mkdir()
    (context / "true").write_bytes(program)
    (context / "true").chmod(0o755)
    (context / "Dockerfile").write_text('FROM scratch\nCOPY true /true\nRUN ["/true"]\n', "ascii")
    tried = attempt(
        *storage.command(
            "build", "--isolation=chroot", "--layers=false", storage.policy(), *ulimits(),
            str(context),
        ),
        environment=storage.environment(storage.home / "tmp"),
    )  # fmt: skip
    if tried.worked:
        return Observation(AREA, "chroot", State.WORKS)
    return Observation(
        AREA,
        "chroot",
        State.LACKS,
        reason=last_words(tried.reason),
        without="no builds inside containers that forbid everything else",
    )


CHECK = Check(AREA, 30, _probe)
