"""Looking up recorded fetches while a build runs, and telling what a miss is nearest to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

from samebit.lock.fetch import FetchKey, LockedFetch, fetch_order
from samebit.lock.redaction import origin_of
from samebit.model.platform import Platform

# So many of the likeliest are compared in full: a lock of npm's holds a thousand URLs.
_COMPARED = 24
_LEAST_RATIO = 0.6


@dataclass(frozen=True, slots=True)
class Nearest:
    """The recorded fetch that a missing request resembles most, and how they differ, in words."""

    fetch: LockedFetch
    difference: str

    def __str__(self) -> str:
        return f"{self.fetch.key} ({self.difference})"


class FetchIndex:
    """The fetches of a lock by what was asked for. Immutable, so safe between threads."""

    def __init__(self, fetches: Iterable[LockedFetch]) -> None:
        self._fetches = tuple(sorted(fetches, key=fetch_order))
        self._by_key: dict[FetchKey, list[LockedFetch]] = {}
        self._by_url: dict[str, list[LockedFetch]] = {}
        for fetch in self._fetches:
            self._by_key.setdefault(fetch.key, []).append(fetch)
            self._by_url.setdefault(fetch.key.url, []).append(fetch)

    def __len__(self) -> int:
        return len(self._fetches)

    def find(
        self, key: FetchKey, platform: Platform | None = None, occurrence: int = 0
    ) -> LockedFetch | None:
        """Give the answer to a request that was equal `occurrence` times before.

        For a repeatable method every occurrence has the first answer. With `platform` only what
        that platform's build recorded counts; without, the first of any platform.
        """
        wanted = 0 if key.repeatable else occurrence
        for fetch in self._by_key.get(key, ()):
            if fetch.occurrence == wanted and (platform is None or platform in fetch.platforms):
                return fetch
        return None

    def answers(self, key: FetchKey, platform: Platform) -> tuple[LockedFetch, ...]:
        """Give the ordered list of answers to equal requests of one platform's build."""
        return tuple(fetch for fetch in self._by_key.get(key, ()) if platform in fetch.platforms)

    def nearest(self, key: FetchKey) -> Nearest | None:
        """Give what was recorded and is most like a request that was not, None when nothing is."""
        same = self._by_url.get(key.url)
        if same:
            best = min(same, key=lambda fetch: _distance(key, fetch.key))
            return Nearest(best, _difference(key, best.key))
        likely = sorted(self._by_url, key=lambda url: (-_likeness(key.url, url), url))[:_COMPARED]
        ratio, url = max(((_ratio(key.url, url), url) for url in likely), default=(0.0, ""))
        if ratio < _LEAST_RATIO:
            return None
        return Nearest(self._by_url[url][0], "another URL")


def _distance(wanted: FetchKey, recorded: FetchKey) -> tuple[bool, bool, bool]:
    return (
        wanted.method != recorded.method,
        wanted.body != recorded.body,
        wanted.accept != recorded.accept,
    )


def _difference(wanted: FetchKey, recorded: FetchKey) -> str:
    if wanted.method != recorded.method:
        return f"with the method {recorded.method}"
    if wanted.body != recorded.body:
        return "with another request body"
    if wanted.accept != recorded.accept:
        return f"with Accept: {recorded.accept or '*/*'}"
    return "fewer times, or on another platform"


def _likeness(wanted: str, recorded: str) -> int:
    same_origin = origin_of(wanted) == origin_of(recorded)
    alike = _common(wanted, recorded) + _common(wanted[::-1], recorded[::-1])
    return alike + (len(wanted) if same_origin else 0)


def _common(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    end = min(len(one), len(other))
    return next((length for length, (a, b) in enumerate(pairs) if a != b), end)


def _ratio(wanted: str, recorded: str) -> float:
    # The scheme is nearly always the same and would make everything look alike.
    one, other = wanted.partition("://")[2], recorded.partition("://")[2]
    return SequenceMatcher(None, one, other, autojunk=False).ratio()
