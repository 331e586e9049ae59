"""The recorded bytes that a lock names, in the store or not."""

from __future__ import annotations

from collections.abc import Iterable

from samebit.lock.fetch import LockedFetch
from samebit.model.digest import Digest
from samebit.store.store import Store


def bodies_of(fetches: Iterable[LockedFetch]) -> dict[Digest, LockedFetch]:
    """Give each body that is not empty once, with the first fetch that has it, by digest."""
    found: dict[Digest, LockedFetch] = {}
    for fetch in fetches:
        if fetch.size:
            found.setdefault(fetch.digest, fetch)
    return dict(sorted(found.items()))


def lacking(fetches: Iterable[LockedFetch], store: Store) -> dict[Digest, LockedFetch]:
    """Give the bodies that the store lacks, by digest; cheap, no bytes are read."""
    bodies = bodies_of(fetches)
    return {
        digest: fetch
        for digest, fetch in bodies.items()
        # A file that a full disk or a power cut shortened is no body.
        if not store.has(digest) or store.size(digest) != fetch.size
    }
