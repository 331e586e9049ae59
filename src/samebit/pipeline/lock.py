"""`samebit lock`: pin every input, compare two locks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from samebit.errors import Place, UsageError
from samebit.lock.difference import diff_locks
from samebit.lock.model import Lock
from samebit.lock.toml import read_lock, write_lock
from samebit.model.finding import Finding
from samebit.model.lock_difference import LockDifference
from samebit.pipeline.build import prepare
from samebit.pipeline.request import BuildRequest
from samebit.store.store import Store


@dataclass(frozen=True, slots=True)
class LockResult:
    """The lock as it is now, where it lies, and what changed in it."""

    lock: Lock
    path: Path
    written: bool
    difference: LockDifference
    findings: tuple[Finding, ...]


def record(request: BuildRequest, store: Store, say: Callable[[str], None]) -> LockResult:
    """Bring the lock up to date and write it. Raises as finding the bases does."""
    prepared = prepare(request, store, say)
    path = prepared.workspace.lock_file
    if path is None:
        raise UsageError(
            "a Dockerfile from standard input has no place for a lock",
            fix="write it to a file and name that with -f",
        )
    before = prepared.workspace.lock
    changes = diff_locks(before, prepared.lock) if before is not None else LockDifference()
    written = prepared.lock != before and write_lock(path, prepared.lock)
    return LockResult(prepared.lock, path, written, changes, prepared.findings)


def difference(old: Path, new: Path) -> LockDifference:
    """Compare two lock files. Raises UsageError for a file that is missing or no lock."""
    return diff_locks(_read(old), _read(new))


def _read(path: Path) -> Lock:
    lock = read_lock(path)
    if lock is None:
        raise UsageError("there is no such lock file", where=Place(str(path)), fix="check the path")
    return lock
