"""The canonical image from its parts (docs/canonical-form.md, "Manifest", "Config", "History")."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from samebit.canonical import json as canonical_json
from samebit.dockerfile.config import ImageConfig, config_object
from samebit.dockerfile.history import timestamp
from samebit.errors import InputError
from samebit.image.config import ConfigDocument, History
from samebit.image.manifest import Image, IndexEntry, Manifest, encode_index, encode_manifest
from samebit.model.descriptor import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Descriptor
from samebit.model.platform import Platform
from samebit.store.store import Store

if TYPE_CHECKING:
    # Imported while the engine runs: see samebit.pipeline.tree_layer.
    from samebit.image.layer_writer import Layer


class HistoryEntry(Protocol):
    """An entry of a history."""

    def document(self) -> Mapping[str, str | bool]:
        """Give the entry as JSON."""


def compose(
    store: Store,
    *,
    base: Image | None,
    layer: Layer | None,
    config: ImageConfig,
    history: Sequence[HistoryEntry],
    epoch: int,
) -> Descriptor:
    """Put config and manifest into the store; gives the manifest's descriptor.

    `base` is None for scratch, `layer` None when nothing changed; `history` are the entries of this
    build. Raises InputError for a history of the base that does not fit its layers.
    """
    layers = list(base.manifest.layers) if base else []
    diff_ids = [str(diff_id) for diff_id in base.config_document.diff_ids] if base else []
    if layer is not None:
        layers.append(layer.descriptor)
        diff_ids.append(str(layer.diff_id))
    document: dict[str, object] = {
        "created": timestamp(epoch),
        "architecture": config.architecture,
        "os": config.os,
        "config": config_object(config),
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [
            *(_inherited(entry) for entry in _base_history(base)),
            *(entry.document() for entry in history),
        ],
    }
    if config.variant:
        document["variant"] = config.variant
    if config.author:
        document["author"] = config.author
    data = canonical_json.encode(document)
    described = Descriptor(OCI_CONFIG, store.put(data), len(data))
    manifest = encode_manifest(Manifest(described, tuple(layers)))
    return Descriptor(OCI_MANIFEST, store.put(manifest), len(manifest))


def combine(store: Store, images: Sequence[tuple[Platform, Descriptor]]) -> Descriptor:
    """One image is a plain manifest, several are a sorted index (docs/canonical-form.md)."""
    if len(images) == 1:
        return images[0][1]
    data = encode_index(IndexEntry(image, platform) for platform, image in images)
    return Descriptor(OCI_INDEX, store.put(data), len(data))


def _base_history(base: Image | None) -> Sequence[History]:
    if base is None:
        return ()
    document: ConfigDocument = base.config_document
    if document.history or not document.diff_ids:
        return document.history
    # Docker refuses an image whose history does not account for each layer; a base without any
    # gets entries that say nothing.
    return [History() for _ in document.diff_ids]


def _inherited(entry: History) -> dict[str, object]:
    fields: dict[str, object] = {}
    for name in ("created", "created_by", "author", "comment"):
        value = getattr(entry, name)
        if value:
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise InputError("the base image's history is not valid UTF-8") from None
            fields[name] = value
    if entry.empty_layer:
        fields["empty_layer"] = True
    return fields
