"""Manifests, indexes and images (image-spec manifest.md, image-index.md).

What is read comes from strangers: every reader takes bytes, checks them, and raises InputError.
What is written is the canonical form (docs/canonical-form.md, "Manifest").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from samebit.canonical import json as canonical_json
from samebit.errors import InputError
from samebit.image.config import ConfigDocument
from samebit.image.members import (
    Document,
    annotations_of,
    descriptor_of,
    list_of,
    object_of,
    platform_of,
)
from samebit.model.descriptor import (
    DOCKER_TO_OCI,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD,
    OCI_MANIFEST,
    Descriptor,
)
from samebit.model.platform import Platform

# Distribution spec, "Pushing Manifests": registries refuse manifests above 4 MiB.
MAX_MANIFEST = 4 << 20
LAYER_TYPES = frozenset({OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD})

_SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+"
_ARM_VARIANTS = ("v5", "v6", "v7")
_AMD64_VARIANTS = ("v1", "v2", "v3", "v4")


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image manifest for one platform; media types are OCI's, also where Docker's were read.

    Types of artifacts that are no images stay as they were read.
    """

    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One line of an index. `descriptor.media_type` is as it was read, Docker's included."""

    descriptor: Descriptor
    platform: Platform | None = None
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Index:
    """An index: manifests, or further indexes, usually one for each platform."""

    entries: tuple[IndexEntry, ...]
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """An image for one platform. `descriptor` is that of its manifest, media type as stored.

    `canonicalised` says that its layers had no original blobs (docker-archive,
    containers-storage), so that a lock pins its diff IDs and not its digest. Raises InputError when
    the layers are not as many as the diff IDs, or of a type that no image has.
    """

    manifest: Manifest
    config_document: ConfigDocument
    descriptor: Descriptor
    canonicalised: bool = False

    def __post_init__(self) -> None:
        what = f"image {self.descriptor.digest}"
        layers, diff_ids = self.manifest.layers, self.config_document.diff_ids
        if len(layers) != len(diff_ids):
            raise InputError(
                f"{what} is inconsistent: {len(layers)} layers in its manifest, "
                f"{len(diff_ids)} diff IDs in its config"
            )
        if self.manifest.config.media_type != OCI_CONFIG:
            raise InputError(f"{what} is no container image: {self.manifest.config.media_type}")
        for layer in layers:
            if layer.media_type not in LAYER_TYPES:
                raise InputError(f"{what} has a layer of unsupported type {layer.media_type[:200]}")

    @property
    def platform(self) -> Platform:
        """The platform its config names."""
        return self.config_document.platform


def parse_manifest(data: bytes, what: str, media_type: str | None = None) -> Manifest | Index:
    """Read an image manifest or an index; `what` names it in errors, `media_type` as it was served.

    Raises InputError: not JSON, too large, Docker's schema 1, fields missing or of wrong types.
    """
    if len(data) > MAX_MANIFEST:
        raise InputError(f"{what} is larger than the {MAX_MANIFEST} bytes a manifest may have")
    document = object_of(canonical_json.decode(data, what), what)
    stated = document.get("mediaType", media_type)
    if stated is not None and not isinstance(stated, str):
        raise InputError(f"{what}: mediaType is not text")
    if document.get("schemaVersion") == 1 or (stated or "").startswith(_SCHEMA1):
        raise InputError(
            f"{what} is a Docker schema 1 manifest, a format withdrawn in 2017 without config",
            fix="pull and push the image with a current engine, which converts it",
        )
    if document.get("schemaVersion") != 2:
        raise InputError(f"{what} is not a manifest: its schemaVersion is not 2")
    # Both at once would be read differently by different clients (OCI advisory GHSA-77vh-xpmg-72qh)
    if "manifests" in document and ("layers" in document or "config" in document):
        raise InputError(f"{what} claims to be both an image manifest and an index")
    oci_type = DOCKER_TO_OCI.get(stated or "", stated)
    if oci_type == OCI_INDEX or (oci_type is None and "manifests" in document):
        return _index(document, what)
    if oci_type in {OCI_MANIFEST, None}:
        return _manifest(document, what)
    raise InputError(f"{what} is of unsupported type {str(stated)[:200]}")


def encode_manifest(manifest: Manifest) -> bytes:
    """Write the canonical manifest: no annotations, nothing that is not needed to run it."""
    return canonical_json.encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": _encoded(manifest.config),
            "layers": [_encoded(layer) for layer in manifest.layers],
        }
    )


def encode_index(entries: Iterable[IndexEntry]) -> bytes:
    """Write the canonical index of several platforms, sorted by platform, then digest."""
    described = []
    for entry in sorted(entries, key=_index_order):
        value: Document = _encoded(entry.descriptor)
        if entry.platform is not None:
            platform = {"os": entry.platform.os, "architecture": entry.platform.architecture}
            if entry.platform.variant:
                platform["variant"] = entry.platform.variant
            value["platform"] = platform
        described.append(value)
    return canonical_json.encode(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": described}
    )


def select(
    index: Index,
    platform: Platform,
    what: str,
    peek: Callable[[Descriptor], Platform | None] | None = None,
) -> IndexEntry:
    """Choose the entry for `platform`, as containerd's strict matcher does: best variant, first.

    A lower variant of the same architecture will do (linux/arm/v6 runs on linux/arm/v7), another
    architecture will not. `peek` is asked for the platform of entries that state none. Raises
    InputError that lists what there is.
    """
    found: list[tuple[int, IndexEntry]] = []
    offered: set[str] = set()
    for entry in index.entries:
        offer = entry.platform
        if offer is None and peek is not None:
            offer = peek(entry.descriptor)
        if offer is None or offer.os == "unknown":
            continue
        offered.add(str(offer))
        rank = _rank(platform, offer)
        if rank is not None:
            found.append((rank, entry))
    if not found:
        raise InputError(
            f"{what} has no image for {platform}; it has: {', '.join(sorted(offered)) or 'none'}",
            fix="choose one of these with --platform",
        )
    return min(found, key=lambda pair: pair[0])[1]


def runs_on(offer: Platform, wanted: Platform) -> bool:
    """Say whether an image for `offer` is one for `wanted`, by the rule of `select`."""
    return _rank(wanted, offer) is not None


def _rank(wanted: Platform, offer: Platform) -> int | None:
    if (wanted.os, wanted.architecture) != (offer.os, offer.architecture):
        return None
    if wanted.variant == offer.variant:
        return 0
    for architecture, variants in (("arm", _ARM_VARIANTS), ("amd64", _AMD64_VARIANTS)):
        if wanted.architecture == architecture:
            ours, theirs = wanted.variant or variants[0], offer.variant or variants[0]
            if ours in variants and theirs in variants:
                distance = variants.index(ours) - variants.index(theirs)
                return distance if distance >= 0 else None
    return None


def _manifest(document: Document, what: str) -> Manifest:
    layers = list_of(document.get("layers"), f"{what}: layers")
    return Manifest(
        _config(descriptor_of(document.get("config"), f"{what}: config")),
        tuple(_mapped(descriptor_of(value, f"{what}: layers")) for value in layers),
        annotations_of(document, what),
    )


def _index(document: Document, what: str) -> Index:
    entries = []
    for value in list_of(document.get("manifests"), f"{what}: manifests"):
        entry = object_of(value, f"{what}: manifests")
        stated = entry.get("platform")
        platform = None
        if stated is not None:
            platform = platform_of(object_of(stated, f"{what}: platform"), what)
        entries.append(
            IndexEntry(
                descriptor_of(entry, f"{what}: manifests"), platform, annotations_of(entry, what)
            )
        )
    return Index(tuple(entries), annotations_of(document, what))


def _config(found: Descriptor) -> Descriptor:
    # Old clients pushed configs as octet streams; distribution and the engines read them as images.
    if found.media_type == "application/octet-stream":
        return Descriptor(OCI_CONFIG, found.digest, found.size)
    return _mapped(found)


def _mapped(found: Descriptor) -> Descriptor:
    media_type = DOCKER_TO_OCI.get(found.media_type, found.media_type)
    return Descriptor(media_type, found.digest, found.size)


def _encoded(descriptor: Descriptor) -> Document:
    return {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }


def _index_order(entry: IndexEntry) -> tuple[str, str]:
    return (str(entry.platform) if entry.platform else "", str(entry.descriptor.digest))
