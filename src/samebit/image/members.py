"""Taking members out of a JSON document that a stranger wrote; every fault is an InputError."""

from __future__ import annotations

from typing import cast

from samebit.errors import InputError
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform

Document = dict[str, object]

_MAX_ENTRIES = 10_000
_MAX_BLOB = 1 << 53


def object_of(value: object, what: str) -> Document:
    """Give a JSON object; `what` names the place in errors. Raises InputError."""
    if not isinstance(value, dict):
        raise InputError(f"{what} is not a JSON object")
    return cast("Document", value)


def list_of(value: object, what: str) -> list[object]:
    """Give a list of bounded length. Raises InputError."""
    if not isinstance(value, list):
        raise InputError(f"{what} is not a list")
    if len(value) > _MAX_ENTRIES:
        raise InputError(f"{what} has more than {_MAX_ENTRIES} entries")
    return value


def text_of(value: object, what: str) -> str:
    """Give a text, which may be empty. Raises InputError."""
    if not isinstance(value, str):
        raise InputError(f"{what}: text is missing")
    return value


def descriptor_of(value: object, what: str) -> Descriptor:
    """Give a descriptor (image-spec descriptor.md), media type as it stands. Raises InputError."""
    members = object_of(value, what)
    size = members.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < _MAX_BLOB:
        raise InputError(f"{what}: a size is not a number of bytes")
    digest = Digest.parse(text_of(members.get("digest"), f"{what}: digest"))
    return Descriptor(text_of(members.get("mediaType"), f"{what}: mediaType"), digest, size)


def platform_of(members: Document, what: str) -> Platform | None:
    """Give the platform of `os`, `architecture` and `variant`; None without. Raises InputError."""
    values = [members.get(name) or "" for name in ("os", "architecture", "variant")]
    texts = [value for value in values if isinstance(value, str) and "/" not in value]
    if len(texts) != 3:
        raise InputError(f"{what}: a platform is malformed")
    if not texts[0].strip() or not texts[1].strip():
        return None
    if texts[1] == "amd64" and texts[2] == "v1":
        texts[2] = ""
    return Platform.parse("/".join(text for text in texts if text.strip()))


def annotations_of(document: Document, what: str) -> tuple[tuple[str, str], ...]:
    """Give the annotations, sorted by name. Raises InputError."""
    members = object_of(document.get("annotations") or {}, f"{what}: annotations")
    return tuple(
        (name, text_of(value, f"{what}: annotations")) for name, value in sorted(members.items())
    )
