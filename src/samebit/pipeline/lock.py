"""`samebit lock`: pin every input, compare two locks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from samebit.engines.protocol import Engine
from samebit.errors import Place, UsageError
from samebit.lock.difference import diff_locks
from samebit.lock.model import Lock
from samebit.lock.toml import read_lock, write_lock
from samebit.model.finding import Finding
from samebit.model.lock_difference import LockDifference
from samebit.pipeline.build import Prepared, build_prepared, prepare
from samebit.pipeline.inputs_gc import note_lock
from samebit.pipeline.request import BuildRequest
from samebit.report.progress import BuildProgress
from samebit.store.store import Store


@dataclass(frozen=True, slots=True)
class LockResult:
    """The lock as it is now, where it lies, and what changed in it."""

    lock: Lock
    path: Path
    written: bool
    difference: LockDifference
    findings: tuple[Finding, ...]


def record(
    request: BuildRequest,
    store: Store,
    start_engine: Callable[[], Engine],
    progress: BuildProgress,
) -> LockResult:
    """Bring the lock up to date and write it.

    What steps ask of the network is known only when they run: the recipe is built, unless nothing
    changed since it was built before or it has no such steps. Raises as a build does.
    """
    request = replace(request, records=True)
    prepared = prepare(request, store, progress.say)
    path = prepared.workspace.lock_file
    if path is None:
        raise UsageError(
            "a Dockerfile from standard input has no place for a lock",
            fix="write it to a file and name that with -f",
        )
    before = prepared.workspace.lock
    if _asks_when_built(prepared):
        done = build_prepared(prepared, request, store, start_engine, progress)
        lock, written, findings = done.lock, done.lock_written, done.findings
    else:
        lock, findings = prepared.lock, prepared.findings
        written = lock != before and write_lock(path, lock)
        note_lock(store, path, lock)
    changes = diff_locks(before, lock) if before is not None else LockDifference()
    return LockResult(lock, path, written, changes, findings)


def difference(old: Path, new: Path) -> LockDifference:
    """Compare two lock files. Raises UsageError for a file that is missing or no lock."""
    return diff_locks(_read(old), _read(new))


def _asks_when_built(prepared: Prepared) -> bool:
    return any(
        instruction.keyword in {"ADD", "RUN"}
        for part in prepared.parts
        for index in part.plan.needed
        for instruction in part.plan.stages[index].instructions
    )


def _read(path: Path) -> Lock:
    lock = read_lock(path)
    if lock is None:
        raise UsageError("there is no such lock file", where=Place(str(path)), fix="check the path")
    return lock
