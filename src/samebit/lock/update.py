"""Which fetches a recording starts from, and which it leaves behind (docs/lock.md, "Life")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from urllib.parse import urljoin

from samebit.errors import InputError
from samebit.lock.fetch import LockedFetch, combine
from samebit.lock.redaction import origin_of, redact_url
from samebit.model.platform import Platform


def matching_origins(fetches: Iterable[LockedFetch], pattern: str) -> frozenset[str]:
    """Give the origins that `--update=PATTERN` means: all that one of their names matches.

    The names of an origin are itself, `host[:port]` and each URL that was fetched from it. Where a
    fetch of such an origin was redirected to, is an origin to update as well, and so on: half of a
    chain of redirects may not fit the other half's new answers.
    """
    known = tuple(fetches)
    found = {origin_of(f.key.url) for f in known if _matches(f.key.url, pattern)}
    while True:
        led_to = {target for f in known if origin_of(f.key.url) in found if (target := _target(f))}
        if led_to <= found:
            return frozenset(found)
        found |= led_to


def without_origins(
    fetches: Iterable[LockedFetch], origins: frozenset[str]
) -> tuple[LockedFetch, ...]:
    """Leave out every fetch of these origins, so that they are recorded anew as a whole."""
    return tuple(fetch for fetch in fetches if origin_of(fetch.key.url) not in origins)


def settle(
    known: Iterable[LockedFetch],
    used: Mapping[Platform, Iterable[LockedFetch]],
    platforms: Iterable[Platform],
) -> tuple[LockedFetch, ...]:
    """Give the fetches of the lock after a recording.

    `used` is all that a build of a platform from its first step to its last asked for: what was
    `known` and no longer asked for is dropped. Of platforms that were not built what is known
    stays, if the recipe (`platforms`) still has them. What bases are made from stays: no step
    asks for it.
    """
    kept = frozenset(platforms) - frozenset(used)
    found = [fetch for platform in sorted(used) for fetch in used[platform]]
    for fetch in known:
        if fetch.base is not None:
            found.append(fetch)
            continue
        left = tuple(platform for platform in fetch.platforms if platform in kept)
        if left:
            found.append(replace(fetch, platforms=left))
    return combine(found)


def _matches(url: str, pattern: str) -> bool:
    origin = origin_of(url)
    names = (origin, origin.partition("://")[2], url)
    return any(fnmatchcase(name, pattern) for name in names)


def _target(fetch: LockedFetch) -> str | None:
    location = next((value for name, value in fetch.headers if name == "location"), None)
    if location is None or not 300 <= fetch.status < 400:
        return None
    try:
        return origin_of(redact_url(urljoin(fetch.key.url, location)))
    except (InputError, ValueError):
        return None
