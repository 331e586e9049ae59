"""What ADD fetches, recorded into a store of the test's own or replayed from it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from samebit.errors import LockError, SamebitError
from samebit.lock.fetch import LockedFetch
from samebit.model.platform import Platform
from samebit.network.library import Library
from samebit.network.recording import Recording
from samebit.pipeline.added import Additions
from samebit.store.store import Store

PLATFORM = Platform("linux", "amd64")


@dataclass(frozen=True)
class Adding:
    """`additions` is what the build would use; `library` tells what was asked."""

    additions: Additions
    library: Library
    store: Store


@contextmanager
def adding(root: Path, fetches: tuple[LockedFetch, ...] | None = None) -> Iterator[Adding]:
    """Record into the store below `root`; with `fetches` replay them instead."""
    store = Store(root)
    recording = Recording(
        store, fetches or (), PLATFORM, record=fetches is None, environment=dict(os.environ)
    )
    library = recording.library

    def failure() -> SamebitError | None:
        problems = library.problems()
        return LockError(f"{problems[0].subject} {problems[0].reason}") if problems else None

    try:
        yield Adding(
            Additions(store, library, recording.exchanges(), PLATFORM, failure), library, store
        )
    finally:
        recording.close()
