"""From the descriptor of a manifest or an index to the image of one platform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from samebit.errors import InputError
from samebit.image.config import MAX_CONFIG, parse_config
from samebit.image.manifest import (
    MAX_MANIFEST,
    Image,
    Index,
    IndexEntry,
    Manifest,
    parse_manifest,
    runs_on,
    select,
)
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.store.store import Store

CANONICALISED = "canonicalised"

# An index of indexes is real (layouts written by buildx), deeper nesting is not.
_MAX_DEPTH = 4


class SmallBlobs(Protocol):
    """Something that holds blobs; a Store is one."""

    def read(self, digest: Digest, limit: int) -> bytes:
        """Give the verified bytes of a blob of at most `limit` bytes. Raises InputError."""
        ...


@dataclass(frozen=True, slots=True)
class Resolved:
    """An image for one platform with the bytes of its manifest and config, as they were stored."""

    image: Image
    manifest: bytes
    config: bytes


def resolve(
    blobs: SmallBlobs, descriptor: Descriptor, platform: Platform | None, what: str
) -> Resolved:
    """Follow indexes down to the image for `platform`; None takes the only one, or the native.

    `what` names the place in errors. Raises InputError: blobs missing or malformed, or no image for
    that platform.
    """
    for _ in range(_MAX_DEPTH):
        data = _read(blobs, descriptor, MAX_MANIFEST, what)
        found = parse_manifest(
            data, f"manifest {descriptor.digest} of {what}", descriptor.media_type
        )
        if isinstance(found, Manifest):
            config = _read(blobs, found.config, MAX_CONFIG, what)
            document = parse_config(config, f"config {found.config.digest} of {what}")
            _check_platform(document.platform, platform, what)
            canonicalised = is_canonicalised(blobs, descriptor.digest)
            return Resolved(Image(found, document, descriptor, canonicalised), data, config)
        descriptor = choose(blobs, found, platform, what).descriptor
    raise InputError(f"{what}: its indexes are nested deeper than {_MAX_DEPTH} levels")


def choose(blobs: SmallBlobs, index: Index, platform: Platform | None, what: str) -> IndexEntry:
    """Choose an entry of `index` as `resolve` does. Raises InputError."""
    real = [
        entry for entry in index.entries if not entry.platform or entry.platform.os != "unknown"
    ]
    if len({entry.descriptor.digest for entry in real}) == 1 and (
        platform is None or real[0].platform is None
    ):
        return real[0]

    def peek(found: Descriptor) -> Platform | None:
        try:
            data = _read(blobs, found, MAX_MANIFEST, what)
            manifest = parse_manifest(data, what, found.media_type)
            if isinstance(manifest, Manifest):
                config = _read(blobs, manifest.config, MAX_CONFIG, what)
                return parse_config(config, what).platform
        except InputError:
            # Not an image: a signature or an attestation, or its blobs are elsewhere.
            pass
        # Nor are indexes beside others searched: a few of them can unfold to billions.
        return None

    return select(index, platform or Platform.native(), what, peek)


def stored_image(store: Store, descriptor: Descriptor, platform: Platform | None = None) -> Image:
    """Give the image that `descriptor` (a manifest, or an index) means, from the store.

    Raises InputError like `resolve`.
    """
    return resolve(store, descriptor, platform, str(descriptor.digest)).image


def is_canonicalised(blobs: SmallBlobs, digest: Digest) -> bool:
    """Say whether the store noted that the image of that digest had no original blobs."""
    return isinstance(blobs, Store) and blobs.record(CANONICALISED, digest.hex) is not None


def _check_platform(offer: Platform, wanted: Platform | None, what: str) -> None:
    if wanted is not None and not runs_on(offer, wanted):
        raise InputError(
            f"{what} has no image for {wanted}; it has: {offer}",
            fix="choose it with --platform",
        )


def _read(blobs: SmallBlobs, descriptor: Descriptor, limit: int, what: str) -> bytes:
    if descriptor.size > limit:
        raise InputError(f"{what}: {descriptor.digest} has {descriptor.size} bytes, too many")
    data = blobs.read(descriptor.digest, limit)
    if len(data) != descriptor.size:
        raise InputError(
            f"{what}: {descriptor.digest} has {len(data)} bytes, {descriptor.size} were announced"
        )
    return data
