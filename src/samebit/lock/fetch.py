"""What a lock says about one fetch: who asked for what, and what was answered (docs/lock.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from samebit.errors import InputError, InternalError
from samebit.lock.redaction import redact_links, redact_location, redact_url
from samebit.model.digest import Digest
from samebit.model.platform import Platform

KEPT_HEADERS = frozenset(
    {
        "cache-control", "content-disposition", "content-encoding", "content-language",
        "content-type", "date", "docker-content-digest", "docker-distribution-api-version", "etag",
        "last-modified", "link", "location", "vary", "www-authenticate",
    }
)  # fmt: skip
"""The response headers that clients act upon, lower case; all others are not recorded.

Length and transfer coding are not among them: they follow from the body.
"""

GIT = "GIT"
"""The method of a checkout that samebit made itself; no client can send it over HTTP to a server
that knows it.
"""

# Asked twice they are answered twice alike; every other method may change what it asks about.
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", GIT})
_INSTRUCTION = re.compile(r"(0|[1-9][0-9]{0,8})/(0|[1-9][0-9]{0,8})\Z")
_BASE = re.compile(r"base ([!-~]+)\Z")
_METHOD = re.compile(r"[A-Z][A-Z0-9_-]{0,31}\Z")


@dataclass(frozen=True, slots=True)
class FetchKey:
    """What a client asked for, secrets redacted; made by `make_key`.

    `url` is absolute, as `redact_url` gives it. `accept` is the Accept header, empty for `*/*` or
    none. `body` is the sha256 of the request's body, None without one.
    """

    method: str
    url: str
    accept: str = ""
    body: Digest | None = None

    @property
    def repeatable(self) -> bool:
        """Tell whether equal requests have one answer, not an ordered list of them."""
        return self.method in _REPEATABLE

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


@dataclass(frozen=True, slots=True)
class LockedFetch:
    """A request and the response that a replay gives.

    `instruction` is `<stage>/<ordinal>` of the step that asked first, or `base <name>` for what a
    base image was made from (see `base_instruction`). `platforms` are those whose
    build asked, sorted. `occurrence` is the position in the list of equal requests of a method
    that is not repeatable, else 0. `headers` are `kept_headers`, `digest` and `size` (bytes) the
    body's as it was sent, content coding included. Raises InternalError for impossible values.
    """

    key: FetchKey
    instruction: str
    platforms: tuple[Platform, ...]
    digest: Digest
    size: int
    occurrence: int = 0
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "platforms", tuple(sorted(set(self.platforms))))
        object.__setattr__(self, "headers", _sorted_headers(self.headers))
        fault = self.fault()
        if fault is not None:
            raise InternalError(f"{self.key}: {fault[0]} {fault[1]}")

    def fault(self) -> tuple[str, str] | None:
        """Say which field is impossible and why, None when all are possible."""
        return find_fault(
            method=self.key.method,
            instruction=self.instruction,
            platforms=self.platforms,
            occurrence=self.occurrence,
            status=self.status,
            size=self.size,
        )

    @property
    def base(self) -> str | None:
        """Give the name of the base image that was made from it, None for what a step asked.

        Each base has its own answers, which no step and no other base is given.
        """
        match = _BASE.match(self.instruction)
        return match[1] if match else None

    @property
    def answer(self) -> tuple[int, tuple[tuple[str, str], ...], Digest, int]:
        """Everything that a client is given: two fetches with equal answers can be one."""
        return self.status, self.headers, self.digest, self.size


def base_instruction(name: str) -> str:
    """Give the `instruction` of what the base image of that name is made from."""
    return f"base {name}"


def of_base(
    fetches: Iterable[LockedFetch], name: str, platform: Platform
) -> tuple[LockedFetch, ...]:
    """Choose what the base image of that name was made from on a platform."""
    return tuple(f for f in fetches if f.base == name and platform in f.platforms)


def of_steps(fetches: Iterable[LockedFetch]) -> tuple[LockedFetch, ...]:
    """Choose what steps asked for."""
    return tuple(fetch for fetch in fetches if fetch.base is None)


def make_key(method: str, url: str, accept: str = "", body: Digest | None = None) -> FetchKey:
    """Make the key of a request from what the client sent: normalised, secrets redacted.

    Two requests that differ in a redacted value only have one key: whoever records must refuse a
    second answer that is not equal to the first. Raises InputError when `url` is not absolute.
    """
    fragment = ""
    if method.upper() == GIT:
        # It says what was asked for of the repository (docs/lock.md, "Git").
        url, mark, asked_for = url.partition("#")
        fragment = mark + asked_for
        if not (fragment.isascii() and fragment.isprintable()):
            raise InputError("what is asked for of a repository is not percent-encoded")
    accept = ", ".join(part.strip() for part in accept.split(",") if part.strip())
    return FetchKey(
        method.upper(),
        redact_url(url) + fragment,
        "" if accept == "*/*" else _one_line(accept),
        body,
    )


def kept_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Give the headers of a response that a lock keeps: lower-case names, sorted, redacted.

    Values are text as latin-1 gives it, on one line; of several with one name the order stays.
    """
    found = []
    for name, value in headers:
        lower = name.strip().lower()
        if lower not in KEPT_HEADERS:
            continue
        text = _one_line(value)
        if lower == "location":
            text = redact_location(text)
        elif lower == "link":
            text = redact_links(text)
        found.append((lower, text))
    return _sorted_headers(found)


def combine(fetches: Iterable[LockedFetch]) -> tuple[LockedFetch, ...]:
    """Put fetches of several recordings or platforms together, in a lock's order.

    Where two answer the same request for one platform, the earlier one wins; equal answers for
    several platforms become one fetch, under the earlier one's instruction. What bases are made
    from stays apart.
    """
    groups: dict[tuple[str | None, FetchKey, int], list[LockedFetch]] = {}
    for fetch in fetches:
        group = groups.setdefault((fetch.base, fetch.key, fetch.occurrence), [])
        taken = {platform for other in group for platform in other.platforms}
        left = tuple(platform for platform in fetch.platforms if platform not in taken)
        if not left:
            continue
        same = next((n for n, other in enumerate(group) if other.answer == fetch.answer), None)
        if same is None:
            group.append(replace(fetch, platforms=left))
        else:
            group[same] = replace(group[same], platforms=(*group[same].platforms, *left))
    return tuple(sorted((fetch for group in groups.values() for fetch in group), key=fetch_order))


def fetch_order(fetch: LockedFetch) -> tuple[object, ...]:
    """Give what fetches are sorted by: bytewise by URL, so that an origin's stand together."""
    key = fetch.key
    return (
        key.url.encode("ascii", "backslashreplace"),
        key.method,
        key.accept,
        str(key.body or ""),
        fetch.occurrence,
        fetch.platforms,
        fetch.base or "",
    )


def find_fault(
    *,
    method: str,
    instruction: str,
    platforms: tuple[Platform, ...],
    occurrence: int,
    status: int,
    size: int,
) -> tuple[str, str] | None:
    """Say which field of a fetch is impossible, by its name in the lock, and what is wrong."""
    if not _METHOD.match(method):
        return "method", "is not an HTTP method in upper case"
    if not _INSTRUCTION.match(instruction) and not _BASE.match(instruction):
        return "instruction", "is neither <stage>/<ordinal> nor base <name>"
    if not platforms:
        return "platforms", "is empty"
    if occurrence < 0:
        return "occurrence", "is negative"
    if occurrence and method in _REPEATABLE:
        return "occurrence", f"must be 0 for {method}"
    if not 200 <= status <= 599:
        return "status", "must be from 200 to 599"
    if not 0 <= size < 1 << 63:
        return "size", "is not a number of bytes"
    return None


def _sorted_headers(headers: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(headers, key=lambda pair: pair[0]))


def _one_line(value: str) -> str:
    return "".join(c if c.isprintable() else " " for c in value).strip()
