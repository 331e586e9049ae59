"""Sending an image: blobs, configs, manifests, then reading back what the registry has now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import httpx2

from samebit.errors import InputError, UsageError
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.reference import Reference
from samebit.registry.failures import UnavailableError, UnservedError
from samebit.registry.manifest_outline import INDEXES, MANIFEST_LIMIT, Outline, read_outline
from samebit.registry.pull import Progress, pull_manifest
from samebit.registry.session import Body, Session
from samebit.store.store import Store

_CHUNK = 1 << 20
_PATCH = 16 << 20
# What registries and the proxies before them answer to a body that they want in pieces.
_WANTS_PIECES = (405, 411, 413, 415, 501)


def push_image(
    session: Session,
    store: Store,
    descriptor: Descriptor,
    reference: Reference,
    *,
    mount_from: tuple[str, ...],
    progress: Progress | None,
) -> None:
    """Send the image or index `descriptor` and let `reference` name it.

    `mount_from` are repositories of the same registry that may have some of the blobs. Raises
    InputError when a part is missing in the store or the registry does not have the same bytes
    afterwards, UsageError when the reference names another digest.
    """
    if reference.digest is not None and reference.digest != descriptor.digest:
        raise UsageError(
            f"{reference} names another digest than the image's, {descriptor.digest}",
            fix="push to a tag",
        )
    plan = list(_plan(store, descriptor, 0))
    sent: set[Digest] = set()
    for _, _, outline in plan:
        for blob in outline.blobs:
            if blob.digest not in sent:
                sent.add(blob.digest)
                _push_blob(session, store, blob, mount_from, progress)
    for manifest, data, outline in plan[:-1]:
        _put_manifest(session, str(manifest.digest), data, outline)
    _, data, outline = plan[-1]
    name = reference.tag or str(descriptor.digest)
    _put_manifest(session, name, data, outline)
    _read_back(session, reference, descriptor)


def _plan(
    store: Store, descriptor: Descriptor, depth: int
) -> Iterator[tuple[Descriptor, bytes, Outline]]:
    """Yield the manifests below and including `descriptor`, children first, all parts present."""
    if depth > 8:
        raise InputError(f"index {descriptor.digest} is nested too deeply")
    data = store.read(descriptor.digest, MANIFEST_LIMIT)
    outline = read_outline(data)
    for blob in outline.blobs:
        if store.size(blob.digest) != blob.size:
            raise InputError(f"blob {blob.digest} has another size than {descriptor.digest} says")
    for child in outline.children:
        yield from _plan(store, child, depth + 1)
    yield descriptor, data, outline


def _push_blob(
    session: Session,
    store: Store,
    blob: Descriptor,
    mount_from: tuple[str, ...],
    progress: Progress | None,
) -> None:
    with session.request("HEAD", f"blobs/{blob.digest}", accept=(200, 404)) as response:
        present = response.status_code == 200
    if not present:
        upload = _mounted_or_upload(session, blob, mount_from)
        if upload is not None:
            _upload(session, store, blob, upload, progress)
    if progress is not None:
        progress(blob.digest, blob.size, blob.size)


def _mounted_or_upload(
    session: Session, blob: Descriptor, mount_from: tuple[str, ...]
) -> httpx2.URL | None:
    """Mount the blob from another repository (None), or give the URL of a started upload."""
    upload = None
    for repository in mount_from:
        path = f"blobs/uploads/?mount={blob.digest}&from={repository}"
        try:
            with session.request("POST", path, body=_EMPTY, accept=(201, 202)) as response:
                if response.status_code == 201:
                    return None
                upload = session.location(response)
        except UnservedError:
            # Mounting is an optimisation: a registry may refuse what it does not like about it.
            continue
    return upload or _start_upload(session)


def _start_upload(session: Session) -> httpx2.URL:
    with session.request("POST", "blobs/uploads/", body=_EMPTY, accept=(202,)) as response:
        return session.location(response)


def _upload(
    session: Session,
    store: Store,
    blob: Descriptor,
    upload: httpx2.URL,
    progress: Progress | None,
) -> None:
    """Send a blob whole, or in pieces where that is refused; an upload that broke starts over."""
    send = _send_whole
    failures = 0
    while True:
        try:
            if send(session, store, blob, upload, progress):
                return
            send = _send_pieces
        except UnavailableError:
            failures += 1
            if failures >= session.patience.attempts:
                raise
            session.patience.pause(failures)
        # What a broken upload holds already is unknown, so it is never appended to.
        upload = _start_upload(session)


def _send_whole(
    session: Session,
    store: Store,
    blob: Descriptor,
    upload: httpx2.URL,
    progress: Progress | None,
) -> bool:
    body = Body(lambda: _verified(store, blob, progress), blob.size)
    headers = {"Content-Type": "application/octet-stream"}
    url = upload.copy_add_param("digest", str(blob.digest))
    accept = (201, 204, *_WANTS_PIECES)
    with session.request(
        "PUT", url, headers=headers, body=body, accept=accept, once=True
    ) as response:
        return response.status_code not in _WANTS_PIECES


def _send_pieces(
    session: Session,
    store: Store,
    blob: Descriptor,
    upload: httpx2.URL,
    progress: Progress | None,
) -> bool:
    offset = 0
    with store.open_verified(blob.digest) as stream:
        while piece := stream.read(_PATCH):
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Range": f"{offset}-{offset + len(piece) - 1}",
            }
            with session.request(
                "PATCH", upload, headers=headers, body=_held(piece), accept=(202,), once=True
            ) as response:
                upload = session.location(response)
            offset += len(piece)
            if progress is not None:
                progress(blob.digest, offset, blob.size)
    url = upload.copy_add_param("digest", str(blob.digest))
    with session.request("PUT", url, body=_EMPTY, accept=(201, 204), once=True):
        return True


def _put_manifest(session: Session, name: str, data: bytes, outline: Outline) -> None:
    headers = {"Content-Type": outline.media_type}
    path = f"manifests/{name}"
    with session.request("PUT", path, headers=headers, body=_held(data), accept=(201, 202)):
        pass


def _read_back(session: Session, reference: Reference, descriptor: Descriptor) -> None:
    name = Reference(reference.registry, reference.repository, reference.tag, None)
    if reference.tag is None:
        name = reference.with_digest(descriptor.digest)
    found = pull_manifest(session, name, None).descriptor
    if found.digest != descriptor.digest:
        kind = "index" if descriptor.media_type in INDEXES else "image"
        raise InputError(
            f"registry {session.endpoint.host} has {found.digest} as {name} "
            f"after the {kind} {descriptor.digest} was pushed",
            fix="someone pushed at the same time, or the registry rewrites images: push again",
        )


def _verified(store: Store, blob: Descriptor, progress: Progress | None) -> Iterator[bytes]:
    done = 0
    with store.open_verified(blob.digest) as stream:
        while chunk := stream.read(_CHUNK):
            yield chunk
            done += len(chunk)
            if progress is not None:
                progress(blob.digest, done, blob.size)


def _held(data: bytes) -> Body:
    def chunks() -> Iterable[bytes]:
        return (data,) if data else ()

    return Body(chunks, len(data))


_EMPTY = _held(b"")
