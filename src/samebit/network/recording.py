"""What is known, and how what is not known is asked for: made when the first request comes.

Most steps ask for nothing, and an HTTP client takes longer to import than such a step takes.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from samebit.lock.fetch import LockedFetch
from samebit.model.platform import Platform
from samebit.network.library import Library
from samebit.store.store import Store

if TYPE_CHECKING:
    from samebit.network.exchanges import Exchanges
    from samebit.network.upstream import Upstream


class Recording:
    """Answers requests for one build, safe between threads; with `record` also unknown ones."""

    def __init__(
        self,
        store: Store,
        fetches: tuple[LockedFetch, ...],
        platform: Platform,
        *,
        record: bool,
        environment: Mapping[str, str],
    ) -> None:
        """Start from `fetches`; `environment` names the proxies that upstream is reached by."""
        self.library = Library(fetches, platform, record=record)
        self._store = store
        self._platform = platform
        self._environment = environment
        self._lock = threading.Lock()
        self._exchanges: Exchanges | None = None
        self._upstream: Upstream | None = None
        self._closed = False

    def exchanges(self) -> Exchanges:
        """Give what answers requests."""
        from samebit.network.exchanges import Exchanges  # noqa: PLC0415
        from samebit.network.recorder import Recorder  # noqa: PLC0415
        from samebit.network.upstream import Upstream  # noqa: PLC0415

        with self._lock:
            if self._exchanges is None:
                self._upstream = Upstream(self._environment)
                if self._closed:
                    self._upstream.close()
                recorder = None
                if self.library.record:
                    recorder = Recorder(self.library, self._store, self._upstream, self._platform)
                self._exchanges = Exchanges(self.library, self._store, recorder)
            return self._exchanges

    def close(self) -> None:
        """End what goes on upstream, in other threads too."""
        with self._lock:
            self._closed = True
            upstream = self._upstream
        if upstream is not None:
            upstream.close()
