"""What a manifest or index refers to, as far as transport needs it (image-spec manifest.md)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from samebit.errors import InputError
from samebit.model.descriptor import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
)
from samebit.model.digest import Digest

MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEXES = (OCI_INDEX, DOCKER_INDEX)
MANIFEST_LIMIT = 4 << 20
"""The largest manifest in bytes that is read; the distribution-spec's bound for registries."""

_TOO_OLD = "application/vnd.docker.distribution.manifest.v1"


@dataclass(frozen=True, slots=True)
class Outline:
    """A manifest's media type, and what must be pushed before it, in order.

    `blobs` are a manifest's layers, then its config; `children` are an index's manifests.
    """

    media_type: str
    blobs: tuple[Descriptor, ...] = ()
    children: tuple[Descriptor, ...] = ()


def read_outline(data: bytes, announced: str = "") -> Outline:
    """Read a manifest's bytes; `announced` is the Content-Type it came with, if any.

    Raises InputError for what is no image manifest or index, and for bytes that two readers could
    take for different things (a manifest that is also an index, or is announced as another type).
    """
    announced = announced.partition(";")[0].strip().lower()
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        raise InputError("the manifest is not JSON") from None
    if not isinstance(document, dict):
        raise InputError("the manifest is not a JSON object")
    if announced.startswith(_TOO_OLD) or document.get("schemaVersion") == 1:
        raise InputError(
            "the manifest has docker's old schema 1, which does not pin layers by digest",
            fix="push the image again with a current tool, or use another tag",
        )
    known = (*MANIFESTS, *INDEXES)
    media_type = document.get("mediaType") or (announced if announced in known else None)
    if media_type is None:
        media_type = OCI_INDEX if "manifests" in document else OCI_MANIFEST
    if media_type not in known:
        raise InputError(f"{str(media_type)[:100]!r} is not an image manifest or index")
    if announced in known and announced != media_type:
        raise InputError(f"the manifest is announced as {announced} but says {media_type}")
    if "manifests" in document and ("layers" in document or "config" in document):
        raise InputError("the manifest is also an index, so it is ambiguous")
    if media_type in INDEXES:
        return Outline(media_type, children=_descriptors(document, "manifests"))
    config = _descriptor(document.get("config"), "config")
    return Outline(media_type, blobs=(*_descriptors(document, "layers"), config))


def _descriptors(document: dict[str, Any], name: str) -> tuple[Descriptor, ...]:
    values = document.get(name)
    if not isinstance(values, list):
        raise InputError(f"the manifest has no array {name!r}")
    return tuple(_descriptor(value, name) for value in values)


def _descriptor(value: object, name: str) -> Descriptor:
    if not isinstance(value, dict):
        raise InputError(f"the manifest's {name} holds something that is no descriptor")
    media_type, digest, size = value.get("mediaType"), value.get("digest"), value.get("size")
    if not isinstance(media_type, str) or not isinstance(digest, str) or type(size) is not int:
        raise InputError(f"the manifest's {name} holds an incomplete descriptor")
    if not 0 <= size < 1 << 63:
        raise InputError(f"the manifest's {name} holds an impossible size: {size}")
    return Descriptor(media_type, Digest.parse(digest), size)
