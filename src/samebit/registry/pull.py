"""Getting manifests and blobs: nothing a registry says is believed before it is checked."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx2

from samebit.errors import InputError
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.reference import Reference
from samebit.registry.failures import UnavailableError, UnservedError
from samebit.registry.manifest_outline import INDEXES, MANIFEST_LIMIT, MANIFESTS, read_outline
from samebit.registry.session import Session, read_bounded
from samebit.store.store import Store
from samebit.store.writer import BlobWriter

Progress = Callable[[Digest, int, int], None]
"""Called with a blob's digest, the bytes done so far and its size in bytes."""

# So much must arrive for a dropped connection not to count as another failure.
_MILESTONE = 1 << 20
_RANGE = re.compile(r"bytes (\d{1,19})-(\d{1,19})/(\d{1,19}|\*)")


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a reference means: the manifest's or index's bytes as served, and their descriptor."""

    reference: Reference
    descriptor: Descriptor
    data: bytes


def pull_manifest(session: Session, reference: Reference, store: Store | None) -> Resolved:
    """Get a manifest or index; a digest in the reference decides over its tag.

    With a store, a manifest that lies in it is not transferred again. Raises InputError when the
    bytes are not what they are announced as.
    """
    wanted = reference.digest
    tag = reference.tag or "latest"
    if wanted is None and store is not None:
        wanted = _head(session, f"manifests/{tag}")
        if wanted is not None and not store.has(wanted):
            wanted = None
    if wanted is not None and store is not None and store.has(wanted):
        # A damaged copy is dropped by the store and served anew.
        with contextlib.suppress(InputError):
            data = store.read(wanted, MANIFEST_LIMIT)
            return _resolved(session, reference, data, "")
    path = f"manifests/{reference.digest or tag}"
    headers = {"Accept": ", ".join((*MANIFESTS, *INDEXES))}
    data, header, announced = _get_manifest(session, path, headers)
    actual = Digest.of(data)
    if reference.digest is not None and actual != reference.digest:
        raise _lie(session, f"serves bytes of digest {actual} for {reference.digest}")
    if header is not None and header != actual:
        raise _lie(session, f"announces {header} for {reference} but serves {actual}")
    return _resolved(session, reference, data, announced)


def pull_blob(
    session: Session, descriptor: Descriptor, store: Store, progress: Progress | None
) -> None:
    """Stream a blob into the store, going on where a dropped connection ended.

    Raises InputError, and keeps nothing, when the bytes are not those of the descriptor.
    """
    digest, size = descriptor.digest, descriptor.size
    with store.writer(expected=digest, size=size) as writer:
        received = 0
        failures = 0
        while True:
            start = received
            problem: UnservedError | None = None
            try:
                for chunk in _blob(session, descriptor, received):
                    received += len(chunk)
                    _write(session, descriptor, writer, chunk)
                    if progress is not None:
                        progress(digest, received, size)
            except httpx2.TransportError as error:
                problem = session.unavailable(error)
            if received >= size:
                break
            failures = 1 if received - start >= _MILESTONE else failures + 1
            if failures >= session.patience.attempts:
                host = session.endpoint.host
                raise UnavailableError(
                    f"registry {host} delivers only {received} of {size} bytes of {digest}"
                    + (f" ({problem.what})" if problem else ""),
                    fix="try again later",
                )
            session.patience.pause(failures)
        try:
            writer.commit()
        except InputError as error:
            raise _lie(session, f"serves other bytes: {error.what}") from None


def _get_manifest(
    session: Session, path: str, headers: dict[str, str]
) -> tuple[bytes, Digest | None, str]:
    failures = 0
    while True:
        try:
            with session.request("GET", path, headers=headers) as response:
                data = read_bounded(response, MANIFEST_LIMIT)
                header = _announced_digest(session, response)
                announced = response.headers.get("content-type", "")
        except httpx2.TransportError as error:
            failures += 1
            if failures >= session.patience.attempts:
                raise session.unavailable(error) from None
            session.patience.pause(failures)
            continue
        if data is None:
            raise _lie(session, f"serves a manifest of more than {MANIFEST_LIMIT} bytes")
        return data, header, announced


def _head(session: Session, path: str) -> Digest | None:
    """Ask what a tag means; None when the registry does not say."""
    headers = {"Accept": ", ".join((*MANIFESTS, *INDEXES))}
    accept = (200, 405, 501)
    with session.request("HEAD", path, headers=headers, accept=accept) as response:
        return _announced_digest(session, response) if response.status_code == 200 else None


def _announced_digest(session: Session, response: httpx2.Response) -> Digest | None:
    text = response.headers.get("docker-content-digest", "")
    if not text.startswith("sha256:"):
        return None
    try:
        return Digest.parse(text)
    except InputError:
        raise _lie(session, f"announces a malformed digest: {text[:100]!r}") from None


def _resolved(session: Session, reference: Reference, data: bytes, announced: str) -> Resolved:
    try:
        outline = read_outline(data, announced)
    except InputError as error:
        raise InputError(
            f"{reference} from registry {session.endpoint.host}: {error.what}", fix=error.fix
        ) from None
    descriptor = Descriptor(outline.media_type, Digest.of(data), len(data))
    return Resolved(reference, descriptor, data)


def _blob(session: Session, descriptor: Descriptor, offset: int) -> Iterator[bytes]:
    """Yield a blob's bytes from `offset` on, whether or not the registry honours ranges."""
    headers = {"Range": f"bytes={offset}-"} if offset else {}
    path = f"blobs/{descriptor.digest}"
    accept = (200, 206, 416) if offset else (200,)
    with session.request("GET", path, headers=headers, accept=accept) as response:
        if response.status_code == 416:
            raise _lie(session, f"says that {descriptor.digest} ends before {offset + 1} bytes")
        skip = offset
        if response.status_code == 206:
            match = _RANGE.fullmatch(response.headers.get("content-range", ""))
            if match is None or int(match[1]) != offset:
                raise _lie(session, f"answers another range than was asked of {descriptor.digest}")
            _check_size(session, descriptor, match[3])
            skip = 0
        else:
            _check_size(session, descriptor, response.headers.get("content-length", "*"))
        # Unregrouped: a connection that drops must not take what it delivered with it.
        for chunk in response.iter_raw():
            if skip >= len(chunk):
                skip -= len(chunk)
                continue
            yield chunk[skip:]
            skip = 0


def _check_size(session: Session, descriptor: Descriptor, announced: str) -> None:
    if announced.isdecimal() and int(announced) != descriptor.size:
        raise _lie(
            session,
            f"announces {announced} bytes for {descriptor.digest}, "
            f"the manifest says {descriptor.size}",
        )


def _write(session: Session, descriptor: Descriptor, writer: BlobWriter, chunk: bytes) -> None:
    try:
        writer.write(chunk)
    except InputError:
        raise _lie(
            session, f"serves more than the {descriptor.size} bytes of {descriptor.digest}"
        ) from None


def _lie(session: Session, what: str) -> InputError:
    return InputError(
        f"registry {session.endpoint.host} {what} ({session.endpoint.repository})",
        fix="nothing of it was kept; try again, or use another registry or mirror",
    )
