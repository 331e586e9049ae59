"""Verifying the examples and the corpus under every axis of this machine, and what that told."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from samebit_command import Samebit

from corpus import cases, checksum_of

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
_LEFT_OUT = shutil.ignore_patterns("case.toml", "*.lock")
# What a machine may lack: another engine or runtime, a second processor, another file system.
_OPTIONAL = {
    "clock",
    "directory-order",
    "engine",
    "owner",
    "process-ids",
    "processors",
    "runtime",
    "storage",
    "user",
    "xattrs",
}
_LEAST_VARIED = 9


@dataclass(frozen=True)
class Subject:
    """A context to verify. `differs` are the paths that no build can make the same, and why."""

    name: str
    folder: Path
    differs: tuple[str, ...] = ()
    reason: str = ""

    @property
    def checksum(self) -> str:
        """The sha256 of all that is built of the folder."""
        return checksum_of(self.folder, but="case.toml")


@dataclass(frozen=True)
class Seen:
    """What a verification of it said.

    `differs` are the paths that differ, `causes` what is said of them first, `axes` those that are
    blamed, `lost` the paths without an instruction. `not_varied` gives reasons by axis. `as_built`
    is how many paths only normalising made the same. `seconds` is for all of it.
    """

    identical: bool
    digest: str
    varied: tuple[str, ...]
    not_varied: dict[str, str]
    as_built: int
    differs: tuple[str, ...]
    causes: tuple[str, ...]
    axes: tuple[str, ...]
    lost: tuple[str, ...]
    seconds: int

    def faults(self, subject: Subject) -> list[str]:
        """Say what of it is not as it should be."""
        found = {path.removeprefix("/") for path in self.differs}
        faults = []
        if unexpected := sorted(found - set(subject.differs)):
            faults.append(f"differs: {', '.join(unexpected)}")
        if missed := sorted(set(subject.differs) - found):
            faults.append(f"not seen: {', '.join(missed)}")
        if self.identical is bool(subject.differs):
            faults.append(f"called {'identical' if self.identical else 'different'}")
        if left := self.not_varied.keys() - _OPTIONAL:
            faults.append(f"not varied: {', '.join(sorted(left))}")
        if len(self.varied) < _LEAST_VARIED:
            faults.append(f"only {len(self.varied)} axes are varied")
        if self.lost:
            faults.append(f"no instruction is named for {', '.join(self.lost)}")
        return faults


def examples() -> list[Subject]:
    """Give the examples, sorted by name."""
    return [Subject(f"examples/{path.name}", path) for path in sorted(EXAMPLES.iterdir())]


def corpus() -> list[Subject]:
    """Give the cases of the corpus, sorted by name."""
    return [
        Subject(f"corpus/{case.name}", case.folder, case.differs, case.reason) for case in cases()
    ]


def verify(subject: Subject, samebit: Samebit, work: Path, kept: Path | None = None) -> Seen:
    """Verify a copy of the context below `work`, recording a lock first.

    `kept` is where that lock is kept: one that is there and not stale is replayed. Raises
    AssertionError when there is no verdict.
    """
    begin = time.monotonic()
    context = work / "context"
    shutil.copytree(subject.folder, context, ignore=_LEFT_OUT)
    lock = context / "Dockerfile.lock"
    if kept is not None and kept.exists():
        shutil.copy(kept, lock)
        if samebit.run("lock", "--check", context).returncode != 0:
            lock.unlink()
    try:
        return _verified(samebit, context, begin)
    finally:
        if kept is not None and lock.exists():
            shutil.copy(lock, kept)


def _verified(samebit: Samebit, context: Path, begin: float) -> Seen:
    done = samebit.run("verify", "--progress=plain", "--json", "--limit=0", context, timeout=3600)
    assert done.returncode in {0, 1}, done.stdout + done.stderr[-3000:]
    document = json.loads(done.stdout)
    differences = document["differences"]
    seen = Seen(
        identical=document["identical"],
        digest=document["digest"],
        varied=tuple(one["axis"] for one in document["varied"]),
        not_varied={one["axis"]: one["reason"] for one in document["notVaried"]},
        as_built=document["asBuilt"]["count"],
        differs=tuple(one["path"] for one in differences),
        causes=tuple(sorted({one["causes"][0]["name"] for one in differences if one["causes"]})),
        axes=tuple(sorted({axis for one in differences for axis in one["axes"]})),
        lost=tuple(one["path"] for one in differences if one["instruction"] is None),
        seconds=int(time.monotonic() - begin),
    )
    assert done.returncode == (0 if seen.identical else 1)
    return seen
