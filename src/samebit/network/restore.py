"""Bringing back recorded bytes that the store lacks: from where they came, checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urljoin, urlsplit

from samebit.errors import InputError, UsageError
from samebit.lock.fetch import LockedFetch
from samebit.lock.redaction import REDACTED, redact_url
from samebit.network.upstream import Origin, Request, Upstream, UpstreamError
from samebit.store.store import Store

_REDIRECTS = 20
_TRIES = 3
_PAUSE_SECONDS = 0.5
_DEFAULT_PORTS = {"http": 80, "https": 443}


def restore(store: Store, fetches: Sequence[LockedFetch], environment: Mapping[str, str]) -> None:
    """Fetch again what is missing. A store that has everything costs no connection.

    Raises InputError when the bytes cannot be had any more.
    """
    missing = {f.digest: f for f in fetches if f.size and not store.has(f.digest)}
    if not missing:
        return
    starts = _starts(fetches)
    upstream = Upstream(environment)
    try:
        for fetch in missing.values():
            _restore(store, fetch, starts.get(fetch.key.url, fetch.key.url), upstream)
    finally:
        upstream.close()


def _starts(fetches: Iterable[LockedFetch]) -> Mapping[str, str]:
    """Give for each URL that a redirect led to the URL where the chain began."""
    sources: dict[str, str] = {}
    for fetch in fetches:
        location = dict(fetch.headers).get("location")
        if location is not None and 300 <= fetch.status < 400:
            target = _absolute(fetch.key.url, location)
            if target is not None:
                sources.setdefault(redact_url(target), fetch.key.url)
    found = {}
    for url in sources:
        start, seen = url, {url}
        while start in sources and sources[start] not in seen:
            start = sources[start]
            seen.add(start)
        found[url] = start
    return found


def _restore(store: Store, fetch: LockedFetch, start: str, upstream: Upstream) -> None:
    if fetch.key.method != "GET" or REDACTED in start:
        raise _lost(fetch, "only who recorded it can ask for it again")
    for attempt in range(1, _TRIES + 1):
        try:
            _download(store, fetch, start, upstream)
        except UpstreamError as error:
            if error.lasting or attempt == _TRIES:
                raise _lost(fetch, str(error)) from error
            upstream.wait(_PAUSE_SECONDS * attempt)
        else:
            return


def _download(store: Store, fetch: LockedFetch, url: str, upstream: Upstream) -> None:
    for _ in range(_REDIRECTS):
        with upstream.send(_request(url, fetch)) as response:
            location = response.header("location")
            target = _absolute(url, location) if 300 <= response.status < 400 else None
            if target is not None:
                url = target
                continue
            if response.status != fetch.status:
                raise UpstreamError(
                    f"the server answered {response.status} {response.reason}",
                    lasting=response.status < 500,
                )
            try:
                with store.writer(fetch.digest, fetch.size) as writer:
                    for piece in response.chunks():
                        writer.write(piece)
                    writer.commit()
            except InputError as error:
                raise _lost(fetch, "there is something else at that address now") from error
            return
    raise UpstreamError("too many redirects", lasting=True)


def _request(url: str, fetch: LockedFetch) -> Request:
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
    if not host or not port:
        raise UpstreamError("it leads to what is no HTTP address", lasting=True)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [
        (b"Host", parts.netloc.rpartition("@")[2].encode("ascii")),
        (b"Accept", (fetch.key.accept or "*/*").encode("latin-1", "replace")),
        (b"Accept-Encoding", b"identity"),
    ]
    return Request(Origin(parts.scheme, host, port), "GET", target, tuple(headers))


def _absolute(base: str, location: str) -> str | None:
    try:
        target = urljoin(base, location)
        redact_url(target)
    except (InputError, UsageError, ValueError):
        return None
    return target


def _lost(fetch: LockedFetch, reason: str) -> InputError:
    return InputError(
        f"the recorded bytes of {fetch.key} are not in the store and cannot be had: {reason}",
        fix="take them from a machine that has them, or record anew what is there now:"
        " samebit lock --update",
        detail=f"expected {fetch.digest}",
    )
