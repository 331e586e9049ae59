"""The recorded bytes that a lock names, in the store or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from samebit.lock.fetch import LockedFetch
from samebit.lock.model import Lock
from samebit.model.digest import Digest
from samebit.store.store import Store


def bodies_of(fetches: Iterable[LockedFetch]) -> dict[Digest, LockedFetch]:
    """Give each body that is not empty once, with the first fetch that has it, by digest."""
    found: dict[Digest, LockedFetch] = {}
    for fetch in fetches:
        if fetch.size:
            found.setdefault(fetch.digest, fetch)
    return dict(sorted(found.items()))


def lacking(lock: Lock, store: Store) -> dict[Digest, LockedFetch]:
    """Give the bodies that the store lacks, by digest; cheap, no bytes are read."""
    bodies = bodies_of(lock.fetches)
    return {
        digest: fetch
        for digest, fetch in bodies.items()
        # A file that a full disk or a power cut shortened is no body.
        if not store.has(digest) or store.size(digest) != fetch.size
    }


def bring_bodies(lock: Lock, store: Store, say: Callable[[str], None]) -> None:
    """Bring what the store lacks of a lock's fetches, as far as its inputs artifact has it.

    Nobody is asked when the store has everything or the lock names no artifact. A registry that
    does not serve is no error here, because the bytes may be had where they came from; one that
    lies is: InputError.
    """
    if lock.inputs is None:
        return
    wanted = lacking(lock, store)
    if not wanted:
        return
    # The HTTP client takes 0.1 s to import, and most builds need none.
    from samebit.pipeline.inputs import bring  # noqa: PLC0415
    from samebit.registry.failures import UnservedError  # noqa: PLC0415

    try:
        bring(wanted, lock.inputs, store, say)
    except UnservedError as error:
        say(f"the inputs artifact cannot be had: {error.what}")
