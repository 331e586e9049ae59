"""The recorded bytes that a lock names, in the store or not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from samebit.lock.fetch import LockedFetch
from samebit.model.digest import Digest
from samebit.model.reference import Reference
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


def bring_bodies(
    fetches: Iterable[LockedFetch],
    inputs: Reference | None,
    store: Store,
    say: Callable[[str], None],
) -> None:
    """Bring what the store lacks of these fetches, as far as the artifact `inputs` has it.

    Nobody is asked when the store has everything or there is no artifact. A registry that does not
    serve is no error here, because the bytes may be had where they came from; one that lies is:
    InputError.
    """
    wanted = lacking(fetches, store) if inputs is not None else {}
    if inputs is None or not wanted:
        return
    # The HTTP client takes 0.1 s to import, and most builds need none.
    from samebit.pipeline.inputs import bring  # noqa: PLC0415
    from samebit.registry.failures import UnservedError  # noqa: PLC0415

    try:
        bring(wanted, inputs, store, say)
    except UnservedError as error:
        say(f"the inputs artifact cannot be had: {error.what}")
