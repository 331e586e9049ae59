"""What is known of the network in one build of one platform: locked, and recorded just now."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from samebit.lock.fetch import FetchKey, LockedFetch
from samebit.model.platform import Platform
from samebit.network.problems import Problem, ProblemKind

_Place = tuple[FetchKey, int]


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: the step's marker, and the URL as it was sent, which no record may hold."""

    instruction: str
    raw_url: str


class Library:
    """Fetches by request; safe between threads.

    With `record` false only fetches that were locked for `platform` answer. With it true those of
    other platforms do too, and new ones may be added.
    """

    def __init__(self, fetches: Iterable[LockedFetch], platform: Platform, *, record: bool) -> None:
        self.record = record
        self._platform = platform
        self._lock = threading.Lock()
        self._turns: dict[FetchKey, threading.Lock] = {}
        self._known: dict[_Place, LockedFetch] = {}
        for fetch in fetches:
            here = platform in fetch.platforms
            place = (fetch.key, fetch.occurrence)
            if here or (record and place not in self._known):
                self._known[place] = fetch
        # With the step that asked first.
        self._used: dict[_Place, tuple[LockedFetch, str]] = {}
        self._counts: dict[FetchKey, int] = {}
        self._sent: dict[FetchKey, set[bytes]] = {}
        self._problems: dict[tuple[ProblemKind, str], Problem] = {}
        # Asked upstream without an answer that can be recorded; a later one makes it good.
        self._failed: dict[FetchKey, Problem] = {}

    @contextmanager
    def turn(self, key: FetchKey) -> Iterator[None]:
        """Let equal requests pass one after the other, so that the second finds the first's."""
        with self._lock:
            turn = self._turns.setdefault(key, threading.Lock())
        with turn:
            yield

    def occurrence(self, key: FetchKey) -> int:
        """Give the number that the next request with that key has, without taking it."""
        with self._lock:
            return 0 if key.repeatable else self._counts.get(key, 0)

    def find(self, key: FetchKey, occurrence: int) -> LockedFetch | None:
        """Look a request up; HEAD is answered by what GET gave."""
        with self._lock:
            found = self._known.get((key, occurrence))
            if found is None and key.method == "HEAD":
                found = self._known.get((replace(key, method="GET"), 0))
            return found

    def use(self, fetch: LockedFetch, key: FetchKey, asker: Asker) -> None:
        """Note that a request with `key` was answered by `fetch`."""
        with self._lock:
            self._take(fetch, key, asker)

    def add(self, fetch: LockedFetch, asker: Asker) -> None:
        """Record an answer in the place of what was known before."""
        with self._lock:
            place = (fetch.key, fetch.occurrence)
            self._known[place] = fetch
            self._used.pop(place, None)
            self._failed.pop(fetch.key, None)
            self._take(fetch, fetch.key, asker)

    def is_same_request(self, key: FetchKey, raw_url: str) -> bool:
        """Tell whether secrets are the same too; what an earlier run asked with is not known."""
        with self._lock:
            sent = self._sent.get(key)
            return sent is None or not self.record or _fingerprint(raw_url) in sent

    def fail(self, key: FetchKey, problem: Problem) -> None:
        """Note that a request has no answer that can be recorded."""
        with self._lock:
            self._failed.setdefault(key, problem)

    def note(self, problem: Problem) -> None:
        """Note a problem, once."""
        with self._lock:
            self._problems.setdefault((problem.kind, problem.subject), problem)

    def refuse(self, instruction: str, subject: str, reason: str) -> None:
        """Note what cannot be recorded at all."""
        self.note(Problem(ProblemKind.REFUSED, instruction, subject, reason))

    def problems(self) -> tuple[Problem, ...]:
        """Give the problems in the order in which they came up."""
        with self._lock:
            return (*self._problems.values(), *self._failed.values())

    def used(self) -> tuple[LockedFetch, ...]:
        """Give every fetch that was asked for, with the step that asked first."""
        here = (self._platform,)
        with self._lock:
            return tuple(
                replace(fetch, instruction=instruction, platforms=here)
                for fetch, instruction in self._used.values()
            )

    def nearest(self, key: FetchKey) -> str:
        """Word the known request that is most like `key`; empty when none is."""
        # Only for a build that fails: it is slow to import.
        from samebit.lock.fetch_index import FetchIndex  # noqa: PLC0415

        with self._lock:
            found = FetchIndex(self._known.values()).nearest(key)
        return str(found) if found is not None else ""

    def _take(self, fetch: LockedFetch, key: FetchKey, asker: Asker) -> None:
        place = (fetch.key, fetch.occurrence)
        self._used.setdefault(place, (fetch, asker.instruction))
        if not key.repeatable:
            self._counts[key] = fetch.occurrence + 1
        self._sent.setdefault(fetch.key, set()).add(_fingerprint(asker.raw_url))


def _fingerprint(url: str) -> bytes:
    return hashlib.sha256(url.encode("utf-8", "surrogateescape")).digest()
