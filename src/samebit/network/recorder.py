"""Asking upstream for what is not known yet, and keeping the answer if it is a definite one."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from http import HTTPStatus

from samebit.lock.fetch import FetchKey, LockedFetch, kept_headers
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.network.conditions import ASKED_LOCALLY
from samebit.network.library import Asker, Library
from samebit.network.messages import Answer, Ask, Headers, plain_answer
from samebit.network.player import DamagedError, play
from samebit.network.problems import Problem, ProblemKind
from samebit.network.upstream import Request, Response, Upstream, UpstreamError
from samebit.store.store import Store
from samebit.store.writer import BlobWriter

_TRIES = 4
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 15.0
# They say "not now", not what is there (RFC 9110, RFC 6585, RFC 8470).
_TRANSIENT = frozenset({408, 425, 429})
# The server has not even looked at the request, so any method can be tried again.
_REFUSED_UNSEEN = frozenset({429, 503})
_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS"})
_CHALLENGES = frozenset({401, 403, 407})
_OF_THE_BODY = frozenset({"content-disposition", "content-encoding", "content-type", "etag"})
# Of one connection only (RFC 9110, 7.6.1), made anew by us, or a matter of how bytes travel.
_NOT_SENT = ASKED_LOCALLY | {
    "accept-encoding", "connection", "content-length", "expect", "keep-alive", "proxy-connection",
    "te", "trailer", "transfer-encoding", "upgrade",
}  # fmt: skip
_CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "private-token"})


class Recorder:
    """Records into a library and a store; safe between threads."""

    def __init__(
        self, library: Library, store: Store, upstream: Upstream, platform: Platform
    ) -> None:
        self._library = library
        self._store = store
        self._upstream = upstream
        self._platform = platform

    def record(self, ask: Ask, key: FetchKey, occurrence: int) -> Answer:
        """Ask upstream. The answer's content is the recording: it must be read to its end.

        Raises DamagedError from the content when upstream breaks off for good.
        """
        request = _upstream_request(ask)
        try:
            response = self._definite(request)
        except UpstreamError as error:
            self._fail(ask, key, f"cannot be had: {error}")
            return plain_answer(502, f"samebit: {key.url}: {error}", str(error))
        if not self._is_definite(response, ask):
            self._fail(ask, key, f"the server answered {response.status} {response.reason}")
            return _passed_on(response, ask)
        if not _succeeded(response.status) or ask.method == "HEAD":
            return self._record_head(response, ask, key, occurrence)
        content = self._recording(response, request, ask, key, occurrence)
        if response.status == HTTPStatus.OK and ASKED_LOCALLY & set(ask.fields):
            for _ in content:
                pass
            found = self._library.find(key, occurrence)
            if found is None:
                return plain_answer(502, "samebit: the recording is incomplete", key.url)
            return play(found, ask, self._store, self._library)
        return _live(response, content)

    def confirm(self, ask: Ask, known: LockedFetch) -> bool:
        """Tell whether an address that differs in secrets only has the same content, too.

        What cannot be had this time speaks against nothing.
        """
        try:
            with self._definite(_upstream_request(ask)) as response:
                if not _succeeded(known.status) or ask.method == "HEAD":
                    return True
                if not _succeeded(response.status):
                    # Tokens that serve once are refused later: that is no other content.
                    return True
                with self._store.writer() as writer:
                    for piece in response.chunks():
                        writer.write(piece)
                    return writer.commit()[0] == known.digest
        except UpstreamError:
            return True

    def _definite(self, request: Request) -> Response:
        """Try until there is an answer that says more than "not now"; the last one counts."""
        pause = _FIRST_PAUSE_SECONDS
        again = request.method in _REPEATABLE
        for attempt in range(1, _TRIES + 1):
            try:
                response = self._upstream.send(request)
            except UpstreamError as error:
                if attempt == _TRIES or error.lasting or not again:
                    raise
            else:
                status = response.status
                passing = status in _REFUSED_UNSEEN or (again and _is_transient(status))
                if not passing or attempt == _TRIES:
                    return response
                wished = response.header("retry-after")
                response.close()
                if wished.isdecimal():
                    pause = min(max(pause, float(wished)), _LONGEST_PAUSE_SECONDS)
            self._upstream.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)
        raise UpstreamError("no answer")

    @staticmethod
    def _is_definite(response: Response, ask: Ask) -> bool:
        status = response.status
        if _is_transient(status) or status in {206, 304}:
            return False
        # Refused with these credentials says nothing about the build without them.
        return status not in _CHALLENGES or not _CREDENTIALS & set(ask.fields)

    def _record_head(self, response: Response, ask: Ask, key: FetchKey, occurrence: int) -> Answer:
        """Record an answer whose body is none, or says no more than its status does.

        So a redirect or a missing page is the same for ever, whatever its server makes of the text.
        """
        response.close()
        dropped = frozenset() if ask.method == "HEAD" else _OF_THE_BODY
        headers = tuple(h for h in kept_headers(response.headers) if h[0] not in dropped)
        empty = self._store.put(b"")
        fetch = self._fetch(ask, (key, occurrence), response.status, headers, (empty, 0))
        self._library.add(fetch, Asker(ask.instruction, ask.url))
        live = tuple(
            (name.title(), value)
            for name, value in _live_headers(response)
            if name.lower() not in dropped
        )
        length = None if ask.method == "HEAD" else 0
        return Answer(response.status, response.reason, live, length, iter(()))

    def _recording(
        self, response: Response, request: Request, ask: Ask, key: FetchKey, occurrence: int
    ) -> Iterator[bytes]:
        headers = kept_headers(response.headers)
        with self._store.writer() as writer:
            try:
                last = yield from self._copy(response, request, writer)
            except UpstreamError as error:
                self._fail(ask, key, f"breaks off: {error}")
                raise DamagedError(f"{key.url}: {error}") from error
            # Durable together at the end: a sync for each of hundreds would cost seconds.
            body = writer.commit(sync=False)
        fetch = self._fetch(ask, (key, occurrence), response.status, headers, body)
        self._library.add(fetch, Asker(ask.instruction, ask.url))
        # Only now, so that a client that has all of it finds it recorded.
        if last:
            yield last

    def _fetch(
        self,
        ask: Ask,
        place: tuple[FetchKey, int],
        status: int,
        headers: Headers,
        body: tuple[Digest, int],
    ) -> LockedFetch:
        return LockedFetch(
            key=place[0],
            instruction=ask.instruction,
            platforms=(self._platform,),
            digest=body[0],
            size=body[1],
            occurrence=place[1],
            status=status,
            headers=headers,
        )

    def _copy(
        self, response: Response, request: Request, writer: BlobWriter
    ) -> Generator[bytes, None, bytes]:
        """Write and pass on, all but the last piece, which is returned; goes on after a break."""
        held = b""
        received = 0
        attempt = 1
        current = response
        while True:
            try:
                with current:
                    for piece in _from(current, response, received):
                        writer.write(piece)
                        received += len(piece)
                        if held:
                            yield held
                        held = piece
            except UpstreamError:
                attempt += 1
                if attempt > _TRIES:
                    raise
            else:
                return held
            self._upstream.wait(_FIRST_PAUSE_SECONDS)
            current = self._again(request, response, received)

    def _again(self, request: Request, first: Response, received: int) -> Response:
        """Ask for the rest; only an unchanged strong validator makes two halves one body."""
        validator = first.header("etag")
        if not validator or validator.startswith("W/"):
            validator = first.header("last-modified")
        if request.method != "GET" or first.status != HTTPStatus.OK or not validator:
            raise UpstreamError("it ends too early, and the server gives no way to go on")
        more = (
            (b"Range", f"bytes={received}-".encode("ascii")),
            (b"If-Range", validator.encode("latin-1")),
        )
        again = Request(request.origin, "GET", request.target, (*request.headers, *more))
        return self._upstream.send(again if received else request)

    def _fail(self, ask: Ask, key: FetchKey, reason: str) -> None:
        self._library.fail(key, Problem(ProblemKind.UNAVAILABLE, ask.instruction, str(key), reason))


def _from(current: Response, first: Response, received: int) -> Iterator[bytes]:
    """Give what of `current` was not received before."""
    if current is first or received == 0:
        yield from current.chunks()
        return
    if current.status == HTTPStatus.PARTIAL_CONTENT:
        expected = f"bytes {received}-"
        if not current.header("content-range").startswith(expected):
            raise UpstreamError("the server goes on at another place")
        yield from current.chunks()
        return
    same = current.header("etag") == first.header("etag") and (
        current.header("last-modified") == first.header("last-modified")
    )
    if current.status != HTTPStatus.OK or current.length != first.length or not same:
        raise UpstreamError("it changed while it was fetched")
    skipped = 0
    for piece in current.chunks():
        rest = piece[max(0, received - skipped) :]
        skipped += len(piece)
        if rest:
            yield rest


def _succeeded(status: int) -> bool:
    return 200 <= status < 300


def _is_transient(status: int) -> bool:
    return status >= 500 or status in _TRANSIENT


def _upstream_request(ask: Ask) -> Request:
    headers = [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, value in ask.headers
        if name.lower() not in _NOT_SENT
        and (ask.origin.via is not None or name.lower() != "proxy-authorization")
    ]
    headers.append((b"Accept-Encoding", b"identity"))
    if ask.body is not None:
        headers.append((b"Content-Length", str(ask.body.size).encode("ascii")))
    return Request(
        ask.origin,
        ask.method,
        ask.target,
        tuple(headers),
        ask.body.pieces if ask.body is not None else None,
    )


def _live(response: Response, content: Iterator[bytes]) -> Answer:
    headers: Headers = tuple((name.title(), value) for name, value in _live_headers(response))
    if response.status == HTTPStatus.NO_CONTENT:
        # The recording has no bytes, but must be carried out.
        for _ in content:
            pass
        return Answer(response.status, response.reason, headers, None, iter(()))
    if response.status == HTTPStatus.OK:
        headers = (*headers, ("Accept-Ranges", "bytes"))
    return Answer(response.status, response.reason, headers, response.length, content)


def _live_headers(response: Response) -> Headers:
    """Choose what a replay gives too; and cookies, which no lock keeps."""
    names = {name for name, _ in kept_headers(response.headers)} | {"set-cookie"}
    return tuple(pair for pair in response.headers if pair[0].lower() in names)


def _passed_on(response: Response, ask: Ask) -> Answer:
    def content() -> Iterator[bytes]:
        with response:
            try:
                yield from response.chunks()
            except UpstreamError as error:
                raise DamagedError(str(error)) from error

    headers = tuple((name.title(), value) for name, value in _live_headers(response))
    if ask.method == "HEAD" or response.status in {204, 304}:
        response.close()
        return Answer(response.status, response.reason, headers, response.length, iter(()))
    return Answer(response.status, response.reason, headers, response.length, content())
