"""Where the memo lies in the store; told apart from the memo because this is quick to load."""

from __future__ import annotations

from samebit.store.store import Store

KIND = "memo"


def remembers_nothing(store: Store) -> bool:
    """Tell that no build at all is remembered, so that none can be answered at once."""
    return not store.record_keys(KIND)
