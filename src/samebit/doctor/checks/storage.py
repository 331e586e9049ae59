"""Storage drivers: each has to give a container's tree that can be written."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.doctor.protocol import Bench, Check
from samebit.doctor.trial import attempt
from samebit.engines.buildah_storage import Storage, open_storage
from samebit.engines.machine import filesystem_of, find_program
from samebit.model.diagnosis import Observation, State

AREA = "storage drivers"
_FUSE = "fuse-overlayfs"
_WITHOUT = {
    "overlay": "samebit uses vfs, which copies every tree and is slower",
    "vfs": "verify cannot vary the storage; overlay alone is enough to build",
}


def _probe(bench: Bench) -> Iterator[Observation]:
    if bench.program is None or bench.refused or bench.work is None:
        reason = bench.refused or "there is no engine to try them with"
        yield from (
            Observation(AREA, name, State.UNTRIED, reason=reason) for name in (*_WITHOUT, _FUSE)
        )
        return
    place = f"on {filesystem_of(bytes(bench.work))}"
    reasons = {
        name: _tried(open_storage(bench.work / name, bench.program, name)) for name in _WITHOUT
    }
    for name, reason in reasons.items():
        yield Observation(
            AREA,
            name,
            State.LACKS if reason else State.WORKS,
            found="" if reason else place,
            needed=all(reasons.values()),
            reason=reason,
            without=_WITHOUT[name] if reason else "",
            fix=_fix(bench, name) if reason else "",
        )
    yield _fuse(bench)


def _tried(storage: Storage, *options: str) -> str:
    """Make a container of nothing, mount it and write into it; gives why it failed."""
    made = attempt(*storage.command(*options, "from", "scratch"), environment=_environment(storage))
    if not made.worked:
        return made.reason
    name = made.output.split()[-1]
    mounted = attempt(*storage.command(*options, "mount", name), environment=_environment(storage))
    reason = mounted.reason
    if mounted.worked:
        reason = attempt("touch", f"{mounted.output.strip()}/file").reason
        attempt(*storage.command(*options, "umount", name), environment=_environment(storage))
    attempt(*storage.command(*options, "rm", name), environment=_environment(storage))
    return reason


def _environment(storage: Storage) -> dict[str, str]:
    return storage.environment(storage.home / "tmp")


def _fuse(bench: Bench) -> Observation:
    path = find_program(_FUSE)
    without = "nothing is lost: samebit uses overlay of the kernel, else vfs"
    if path is None:
        return Observation(
            AREA, _FUSE, State.LACKS, reason="not installed", without=without,
            fix=bench.distribution.advice(_FUSE),
        )  # fmt: skip
    assert bench.work is not None
    assert bench.program is not None
    storage = open_storage(bench.work / _FUSE, bench.program, "overlay")
    reason = _tried(storage, "--storage-opt", f"overlay.mount_program={path}")
    state = State.LACKS if reason else State.WORKS
    return Observation(
        AREA, _FUSE, state, found=path, reason=reason, without=without if reason else ""
    )


def _fix(bench: Bench, name: str) -> str:
    if name == "overlay":
        return "set SAMEBIT_HOME to a folder on ext4, xfs or btrfs, not on an overlay itself"
    return f"see what {bench.program} complains of"


CHECK = Check(AREA, 40, _probe)
