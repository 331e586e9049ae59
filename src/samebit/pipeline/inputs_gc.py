"""Dropping recorded bytes that no lock names any more.

A body may only be dropped when it is known to be one, so each build notes which bodies the lock of
its Dockerfile names or has named. What is noted, not named by any of these locks as they are now,
and not a part of an image with a name, is of no use.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from samebit.errors import InputError, Place, UsageError
from samebit.lock.model import Lock
from samebit.lock.toml import read_lock
from samebit.model.digest import Digest
from samebit.pipeline.bodies import bodies_of
from samebit.store.store import Store
from samebit.transports.reachable import reachable

_KIND = "lock-bodies"


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bodies that nothing needs, with their sizes in bytes, and the locks that were asked."""

    bodies: tuple[tuple[Digest, int], ...]
    locks: tuple[Path, ...]

    @property
    def size(self) -> int:
        """What they take in bytes."""
        return sum(size for _, size in self.bodies)


def note_lock(store: Store, lock_file: Path, lock: Lock) -> None:
    """Remember that a lock names these bodies, beside those that it has named before."""
    path = os.path.abspath(lock_file)
    named = set(bodies_of(lock.fetches))
    known = _noted(store, _key(path))
    before = known[1] if known is not None else set()
    if named - before:
        _note(store, path, named | before)


def collect(store: Store, lock_files: Sequence[Path], *, delete: bool) -> Garbage:
    """Find what nothing needs, and with `delete` drop it.

    `lock_files` are locks that no build on this machine has noted, or not there. Raises UsageError
    when one of them, or a noted one that still exists, cannot be read: what it needs is unknown.
    """
    needed: set[Digest] = set()
    asked = []
    for lock_file in lock_files:
        lock = read_lock(lock_file)
        if lock is None:
            raise UsageError(
                "there is no such lock file", where=Place(str(lock_file)), fix="check the path"
            )
        asked.append(lock_file)
        needed |= set(bodies_of(lock.fetches))
    notes = [note for key in store.record_keys(_KIND) if (note := _noted(store, key))]
    for path, _ in notes:
        lock = read_lock(Path(path))
        if lock is not None:
            asked.append(Path(path))
            needed |= set(bodies_of(lock.fetches))
    for descriptor in store.tags().values():
        needed |= {blob.digest for blob in reachable(store, descriptor)}
    unneeded = sorted({body for _, bodies in notes for body in bodies} - needed)
    found = tuple((digest, store.size(digest)) for digest in unneeded if store.has(digest))
    if delete:
        for digest, _ in found:
            store.remove(digest)
        for path, bodies in notes:
            if bodies & set(unneeded):
                _note(store, path, bodies - set(unneeded))
    return Garbage(found, tuple(dict.fromkeys(asked)))


def _key(path: str) -> str:
    return Digest.of(os.fsencode(path)).hex


def _note(store: Store, path: str, bodies: set[Digest]) -> None:
    document = {"lock": os.fsencode(path).hex(), "bodies": sorted(body.hex for body in bodies)}
    store.set_record(_KIND, _key(path), json.dumps(document).encode("ascii"))


def _noted(store: Store, key: str) -> tuple[str, set[Digest]] | None:
    record = store.record(_KIND, key)
    if record is None:
        return None
    try:
        match json.loads(record):
            case {"lock": str(path), "bodies": list(bodies)}:
                digests = {Digest.parse(f"sha256:{body}") for body in bodies}
                return os.fsdecode(bytes.fromhex(path)), digests
    except (ValueError, InputError):
        pass
    return None
