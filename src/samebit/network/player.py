"""Answering from what was recorded: conditions and ranges here, every byte checked on its way."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from samebit.errors import InputError, SamebitError
from samebit.lock.fetch import LockedFetch
from samebit.network.conditions import choose_part
from samebit.network.library import Library
from samebit.network.messages import Answer, Ask, Headers
from samebit.network.problems import Problem, ProblemKind
from samebit.store.store import Store

_CHUNK = 1 << 18


class DamagedError(Exception):
    """The recorded bytes are not there or wrong; what was sent already must be cut off."""


def play(fetch: LockedFetch, ask: Ask, store: Store, library: Library) -> Answer:
    """Answer a request with a recorded response. Raises DamagedError, also from the content.

    A damaged blob is noted as a problem of the build.
    """
    kept = dict(fetch.headers)
    headers = _headers(fetch)
    size = fetch.size
    if fetch.key.method == "HEAD":
        return Answer(fetch.status, _reason(fetch.status), headers, None, iter(()))
    start, end, status = 0, size, fetch.status
    if fetch.status == HTTPStatus.OK and ask.method in {"GET", "HEAD"}:
        part = choose_part(ask.fields, kept, size)
        status, start, end = part.status, part.start, part.end
        headers = (*headers, ("Accept-Ranges", "bytes"))
        if status == HTTPStatus.PARTIAL_CONTENT:
            headers = (*headers, ("Content-Range", f"bytes {start}-{end - 1}/{size}"))
        elif status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            headers = (*headers, ("Content-Range", f"bytes */{size}"))
    if status == HTTPStatus.NOT_MODIFIED:
        return Answer(status, _reason(status), headers, None, iter(()))
    if ask.method == "HEAD" or status in {HTTPStatus.PRECONDITION_FAILED, 416}:
        return Answer(status, _reason(status), headers, end - start, iter(()))
    if status == HTTPStatus.NO_CONTENT:
        return Answer(status, _reason(status), headers, None, iter(()))
    if end == start:
        return Answer(status, _reason(status), headers, 0, iter(()))
    content = _content(fetch, ask, store, library, range(start, end))
    return Answer(status, _reason(status), headers, end - start, content)


def _content(
    fetch: LockedFetch, ask: Ask, store: Store, library: Library, wanted: range
) -> Iterator[bytes]:
    """Give the wanted bytes, the last of them only when the whole was checked."""
    held = b""
    position = 0
    try:
        if store.size(fetch.digest) != fetch.size:
            raise InputError(f"blob {fetch.digest} has another size than the lock says")
        with store.open_verified(fetch.digest) as stream:
            while piece := stream.read(_CHUNK):
                low, high = max(wanted.start - position, 0), max(wanted.stop - position, 0)
                position += len(piece)
                piece = piece[low:high] if low or high < len(piece) else piece
                if piece:
                    if held:
                        yield held
                    held = piece
    except SamebitError as error:
        library.note(Problem(ProblemKind.DAMAGED, ask.instruction, str(fetch.key), error.what))
        raise DamagedError(error.what) from error
    if held:
        yield held


def _headers(fetch: LockedFetch) -> Headers:
    return tuple((name.title(), value) for name, value in fetch.headers if name != "content-length")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Recorded"
