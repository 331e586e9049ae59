"""Config documents (image-spec config.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from samebit.canonical import json as canonical_json
from samebit.errors import InputError
from samebit.image.members import list_of, object_of, platform_of, text_of
from samebit.model.digest import Digest
from samebit.model.platform import Platform

MAX_CONFIG = 16 << 20


@dataclass(frozen=True, slots=True)
class History:
    """One entry of a config's history; `created` is the text of the document, RFC 3339."""

    created: str | None = None
    created_by: str | None = None
    author: str | None = None
    comment: str | None = None
    empty_layer: bool = False


@dataclass(frozen=True, slots=True)
class ConfigDocument:
    """A config document. `document` is the whole of it, as decoded; do not change it in place."""

    platform: Platform
    diff_ids: tuple[Digest, ...]
    history: tuple[History, ...]
    document: Mapping[str, object]

    @property
    def config(self) -> Mapping[str, object]:
        """The execution parameters (`config`); empty when the document has none."""
        return cast("Mapping[str, object]", self.document.get("config") or {})


def parse_config(data: bytes, what: str) -> ConfigDocument:
    """Read a config document; `what` names it in errors. Raises InputError."""
    if len(data) > MAX_CONFIG:
        raise InputError(f"{what} is larger than the {MAX_CONFIG} bytes a config may have")
    document = object_of(canonical_json.decode(data, what), what)
    if document.get("config") is not None:
        object_of(document["config"], f"{what}: config")
    rootfs = object_of(document.get("rootfs"), f"{what}: rootfs")
    if rootfs.get("type") != "layers":
        raise InputError(f'{what}: rootfs is not of type "layers"')
    # Images without layers have null here (Go's encoding of an empty list).
    diff_ids = tuple(
        Digest.parse(text_of(value, f"{what}: diff_ids"))
        for value in list_of(rootfs.get("diff_ids") or [], f"{what}: diff_ids")
    )
    history = tuple(
        _history(value, f"{what}: history")
        for value in list_of(document.get("history") or [], f"{what}: history")
    )
    filled = sum(not entry.empty_layer for entry in history)
    if history and filled != len(diff_ids):
        raise InputError(f"{what}: its history tells of {filled} layers, it has {len(diff_ids)}")
    platform = platform_of(document, what)
    if platform is None:
        raise InputError(f"{what}: it names no operating system and architecture")
    return ConfigDocument(platform, diff_ids, history, document)


def _history(value: object, what: str) -> History:
    members = object_of(value, what)
    empty = members.get("empty_layer") or False
    if not isinstance(empty, bool):
        raise InputError(f"{what}: empty_layer is not true or false")
    created, created_by, author, comment = (
        text_of(members.get(name) or "", f"{what}: {name}") if name in members else None
        for name in ("created", "created_by", "author", "comment")
    )
    return History(created, created_by, author, comment, empty)
