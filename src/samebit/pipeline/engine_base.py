"""Giving the engine a base image: the original layers, under a config without side effects."""

from __future__ import annotations

from pathlib import Path

from samebit.canonical import json as canonical_json
from samebit.engines.protocol import Engine
from samebit.image.manifest import Image, IndexEntry, Manifest, encode_index, encode_manifest
from samebit.model.descriptor import OCI_CONFIG, OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.store.store import Store

# What lowering leaves to the engine. ONBUILD triggers are expanded by samebit, VOLUME makes old
# engines discard changes, and a working directory is made anew after every step.
_KEPT = ("Env", "User", "Shell")
# Part of the name, raised when what is imported for one manifest changes.
_FORM = 3


def engine_name(image: Image) -> str:
    """Name the engine's copy of a base after its manifest digest."""
    return f"localhost/samebit/base:{image.descriptor.digest.hex}-{_FORM}"


def ensure_base(engine: Engine, store: Store, image: Image) -> str:
    """Import a base into the engine's storage unless it is there; gives its name there.

    Its layers are read before, whole, by a reader that trusts nothing. Raises InputError, and what
    the engine raises.
    """
    name = engine_name(image)
    if engine.has_image(name):
        return name
    with store.exclusive(f"engine-base-{image.descriptor.digest.hex}"):
        if not engine.has_image(name):
            # Loaded while the engine runs, where the base is there already.
            from samebit.image.base_index import index_base  # noqa: PLC0415

            index_base(store, image.manifest.layers, image.config_document.diff_ids)
            with store.temporary_directory() as directory:
                layout = directory / "base"
                _write_layout(store, image, layout)
                engine.import_base(name, layout)
    return name


def _write_layout(store: Store, image: Image, directory: Path) -> None:
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    document = image.config_document
    inner = {key: value for key, value in document.config.items() if key in _KEPT and value}
    # Of this machine, whatever it is for: an engine takes no base for another platform.
    platform = Platform.native()
    config: dict[str, object] = {
        "architecture": platform.architecture,
        "os": platform.os,
        "config": inner,
        "rootfs": {"type": "layers", "diff_ids": [str(d) for d in document.diff_ids]},
        # buildah counts these when it commits a stage that stands on a stage.
        "history": [{"created_by": "base"} for _ in document.diff_ids],
    }
    if platform.variant:
        config["variant"] = platform.variant
    described = _put(blobs, canonical_json.encode(config), OCI_CONFIG)
    manifest = Manifest(described, image.manifest.layers)
    top = _put(blobs, encode_manifest(manifest), OCI_MANIFEST)
    for layer in image.manifest.layers:
        link = blobs / layer.digest.hex
        if not link.exists():
            link.symlink_to(store.path(layer.digest).absolute())
    (directory / "oci-layout").write_bytes(canonical_json.encode({"imageLayoutVersion": "1.0.0"}))
    (directory / "index.json").write_bytes(encode_index([IndexEntry(top)]))


def _put(blobs: Path, data: bytes, media_type: str) -> Descriptor:
    digest = Digest.of(data)
    (blobs / digest.hex).write_bytes(data)
    return Descriptor(media_type, digest, len(data))
