"""Recomputing everything that an image claims about itself."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Iterator

from samebit.errors import InputError
from samebit.image.config import MAX_CONFIG, parse_config
from samebit.image.decompress import decompressed
from samebit.image.manifest import (
    LAYER_TYPES,
    MAX_MANIFEST,
    Manifest,
    parse_manifest,
    runs_on,
)
from samebit.model.descriptor import (
    OCI_CONFIG,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD,
    Descriptor,
)
from samebit.model.digest import Digest
from samebit.model.finding import Finding
from samebit.model.platform import Platform
from samebit.store.store import Store
from samebit.transports.pieces import pieces

_MAX_DEPTH = 4
_MAGIC = {OCI_LAYER_GZIP: b"\x1f\x8b", OCI_LAYER_ZSTD: b"\x28\xb5\x2f\xfd"}


def validate(store: Store, descriptor: Descriptor) -> list[Finding]:
    """Give every mismatch of the image, or index of images, in the store; empty when it is sound.

    Checked: digests, sizes, that manifest and config can be read, types, the number of layers,
    diff IDs, and the platforms that an index names. Reads everything once and changes nothing.
    """
    return list(_manifest(store, descriptor, None, 0))


def _manifest(
    store: Store, descriptor: Descriptor, platform: Platform | None, depth: int
) -> Iterator[Finding]:
    what = f"manifest {descriptor.digest}"
    data = yield from _small(store, descriptor, MAX_MANIFEST, what)
    if data is None:
        return
    try:
        manifest = parse_manifest(data, what, descriptor.media_type)
    except InputError as error:
        yield Finding("image-malformed", str(error))
        return
    if isinstance(manifest, Manifest):
        yield from _image(store, manifest, platform, what)
        return
    if depth == _MAX_DEPTH:
        yield Finding("image-malformed", f"{what}: indexes nested deeper than {_MAX_DEPTH} levels")
        return
    for entry in manifest.entries:
        named = entry.platform if entry.platform and entry.platform.os != "unknown" else None
        yield from _manifest(store, entry.descriptor, named, depth + 1)


def _image(
    store: Store, manifest: Manifest, platform: Platform | None, what: str
) -> Iterator[Finding]:
    is_image = manifest.config.media_type == OCI_CONFIG
    data = yield from _small(
        store, manifest.config, MAX_CONFIG, f"config {manifest.config.digest} of {what}"
    )
    diff_ids: tuple[Digest, ...] = ()
    known = False
    if data is not None and is_image:
        try:
            document = parse_config(data, f"config {manifest.config.digest}")
        except InputError as error:
            yield Finding("image-malformed", str(error))
        else:
            diff_ids, known = document.diff_ids, True
            if platform is not None and not runs_on(document.platform, platform):
                yield Finding(
                    "image-platform",
                    f"{what}: the index says {platform}, its config {document.platform}",
                )
    if known and len(diff_ids) != len(manifest.layers):
        yield Finding(
            "image-layer-count",
            f"{what}: {len(manifest.layers)} layers, its config has {len(diff_ids)} diff IDs",
        )
    for number, layer in enumerate(manifest.layers):
        expected = diff_ids[number] if number < len(diff_ids) else None
        yield from _layer(store, layer, expected, is_image, f"layer {number + 1} of {what}")


def _layer(
    store: Store, layer: Descriptor, diff_id: Digest | None, is_image: bool, what: str
) -> Iterator[Finding]:
    size, digest = _hashed(store, layer.digest)
    if digest is None:
        yield _missing(layer, what)
        return
    yield from _compared(layer, size, digest, what)
    if not is_image:
        return
    if layer.media_type not in LAYER_TYPES:
        yield Finding("image-type", f"{what} is of the unknown type {layer.media_type[:200]}")
    with store.open(layer.digest) as stream:
        head = stream.read(4)
    magic = _MAGIC.get(layer.media_type)
    if magic is not None and not head.startswith(magic):
        yield Finding("image-type", f"{what} is not compressed as its type {layer.media_type} says")
    if layer.media_type == OCI_LAYER and head.startswith(tuple(_MAGIC.values())):
        yield Finding("image-type", f"{what} is compressed, its type says that it is not")
    if diff_id is None:
        return
    hasher = hashlib.sha256()
    try:
        with store.open(layer.digest) as stream:
            for chunk in decompressed(stream, what):
                hasher.update(chunk)
    except InputError as error:
        yield Finding("image-layer", str(error))
        return
    if hasher.hexdigest() != diff_id.hex:
        yield Finding(
            "image-diff-id",
            f"{what}: its content is sha256:{hasher.hexdigest()}, its config says {diff_id}",
        )


def _small(
    store: Store, blob: Descriptor, limit: int, what: str
) -> Generator[Finding, None, bytes | None]:
    size, digest = _hashed(store, blob.digest)
    if digest is None:
        yield _missing(blob, what)
        return None
    yield from _compared(blob, size, digest, what)
    if size > limit:
        yield Finding("image-size", f"{what} is larger than {limit} bytes")
        return None
    with store.open(blob.digest) as stream:
        return stream.read(limit)


def _hashed(store: Store, digest: Digest) -> tuple[int, Digest | None]:
    if not store.has(digest):
        return 0, None
    hasher = hashlib.sha256()
    size = 0
    with store.open(digest) as stream:
        for chunk in pieces(stream):
            hasher.update(chunk)
            size += len(chunk)
    return size, Digest(hasher.hexdigest())


def _compared(blob: Descriptor, size: int, digest: Digest, what: str) -> Iterator[Finding]:
    if digest != blob.digest:
        yield Finding("image-digest", f"{what}: the stored bytes have the digest {digest}")
    if size != blob.size:
        yield Finding("image-size", f"{what} has {size} bytes, {blob.size} are announced")


def _missing(blob: Descriptor, what: str) -> Finding:
    return Finding("image-blob-missing", f"{what}: blob {blob.digest} is not in the store")
