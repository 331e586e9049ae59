"""Recorded bytes from the inputs artifact, for a build whose store lacks them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from samebit.lock.fetch import LockedFetch
from samebit.model.reference import Reference
from samebit.pipeline.bodies import lacking
from samebit.store.store import Store


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
