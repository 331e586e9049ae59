"""The index.json of an OCI image layout: names for descriptors (image-layout.md, "index.json")."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from samebit.errors import InputError
from samebit.model.descriptor import OCI_INDEX, Descriptor
from samebit.model.digest import Digest

REF_NAME = "org.opencontainers.image.ref.name"
OCI_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_MAX_SIZE = 1 << 53


Document = dict[str, object]


def empty_index() -> Document:
    """Give the document of a layout that holds no image."""
    return {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}


def parse_index(data: bytes, what: str) -> Document:
    """Read an index.json from untrusted bytes; `what` names it in errors. Raises InputError.

    Members that samebit does not know are kept, so that rewriting the file loses nothing.
    """
    try:
        document = json.loads(data.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{what} is not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("manifests"), list):
        raise InputError(f"{what} is not an OCI index: it has no list of manifests")
    if document.get("schemaVersion") != 2:
        raise InputError(f"{what} is not an OCI index: its schemaVersion is not 2")
    for entry in document["manifests"]:
        descriptor_of(entry, what)
    return document


def encode_index(document: Mapping[str, object]) -> bytes:
    """Write an index.json: sorted keys, no blanks, UTF-8; entries sorted by name, then digest."""
    ordered = dict(document)
    ordered["manifests"] = sorted(entries(document), key=_order)
    return json.dumps(
        ordered, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    ).encode("utf-8")


def entries(document: Mapping[str, object]) -> list[Document]:
    """Give the entries of a parsed index, as they stand."""
    return cast("list[Document]", document["manifests"])


def name_of(entry: Mapping[str, object]) -> str | None:
    """Give the name an entry carries (org.opencontainers.image.ref.name), if any."""
    annotations = entry.get("annotations")
    if not isinstance(annotations, dict):
        return None
    name = annotations.get(REF_NAME)
    return name if isinstance(name, str) else None


def descriptor_of(entry: object, what: str) -> Descriptor:
    """Read one entry as a descriptor; `what` names the document. Raises InputError."""
    if not isinstance(entry, dict):
        raise InputError(f"{what} has an entry that is not an object")
    media_type, digest, size = entry.get("mediaType"), entry.get("digest"), entry.get("size")
    if not isinstance(media_type, str) or not isinstance(digest, str):
        raise InputError(f"{what} has an entry without media type or digest")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < _MAX_SIZE:
        raise InputError(f"{what} has an entry whose size is not a number of bytes")
    return Descriptor(media_type, Digest.parse(digest), size)


def with_name(document: Mapping[str, object], name: str | None, descriptor: Descriptor) -> Document:
    """Give the index in which `name` means `descriptor` and nothing else does.

    Without a name the descriptor is listed, once.
    """
    entry: Document = {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
    if name is None:
        others = [other for other in entries(document) if other != entry]
        return {**document, "manifests": [*others, entry]}
    changed = without_name(document, name)
    changed["manifests"] = [*entries(changed), {**entry, "annotations": {REF_NAME: name}}]
    return changed


def without_name(document: Mapping[str, object], name: str | None) -> Document:
    """Give the index without the entries called `name`; None are those without a name."""
    return {
        **document,
        "manifests": [entry for entry in entries(document) if name_of(entry) != name],
    }


def named(document: Mapping[str, object], what: str) -> dict[str, Descriptor]:
    """Give every name with its descriptor, sorted by name; the last of equal names counts."""
    found = {
        name: descriptor_of(entry, what)
        for entry in entries(document)
        if (name := name_of(entry)) is not None
    }
    return dict(sorted(found.items()))


def _order(entry: Mapping[str, object]) -> tuple[bytes, str]:
    return (name_of(entry) or "").encode("utf-8", "surrogatepass"), str(entry.get("digest"))


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")
