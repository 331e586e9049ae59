"""The archives of `docker save` (Docker image specification 1.2): reading and writing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from samebit.canonical import json as canonical_json
from samebit.errors import InputError, UsageError
from samebit.image.config import MAX_CONFIG, ConfigDocument, parse_config
from samebit.image.decompress import decompressed
from samebit.image.manifest import Image, Manifest, encode_manifest, runs_on
from samebit.image.members import list_of, object_of, text_of
from samebit.model.descriptor import (
    DOCKER_TO_OCI,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
)
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.store.store import Store
from samebit.transports.archive import Archive, open_archive
from samebit.transports.layout_source import read_file
from samebit.transports.output import TarOutput, tar_output
from samebit.transports.recompress import recompress
from samebit.transports.resolve import CANONICALISED, stored_image

_MAX_MANIFEST = 4 << 20
# config.md, "Properties"; all else that Docker writes tells about the machine of the build.
_CONFIG_MEMBERS = (
    "architecture",
    "author",
    "config",
    "created",
    "history",
    "os",
    "os.features",
    "os.version",
    "rootfs",
    "variant",
)


@dataclass(frozen=True, slots=True)
class _Listed:
    config: str
    layers: tuple[str, ...]
    tags: tuple[str, ...]


def load(
    path: Path,
    store: Store,
    platform: Platform | None,
    *,
    name: str | None = None,
    digest: Digest | None = None,
) -> Image:
    """Put the image called `name` (None: the only one) into the store, canonicalised.

    The format holds no manifest and no compressed layers, so both are made canonically: the diff
    IDs are the archive's, the digest is ours. Raises InputError: malformed, ambiguous, dangerous to
    unpack, a layer that does not match its diff ID, or another platform; UsageError for `digest`,
    which the format does not know.
    """
    if digest is not None:
        raise UsageError(
            f"a docker-archive knows no digests: {path}@{digest}", fix="choose by name, or use oci"
        )
    with open_archive(path, store, "docker-archive") as archive:
        listed = _choose(archive, name)
        data = read_file(archive, listed.config, MAX_CONFIG)
        document = parse_config(data, f"{archive.what}: {listed.config}")
        _check(archive, listed, document, platform)
        layers = []
        for diff_id, layer in zip(document.diff_ids, listed.layers, strict=True):
            with archive.open(layer) as stream:
                layers.append(recompress(stream, diff_id, store, f"{archive.what}: {layer}"))
    kept = {key: document.document[key] for key in _CONFIG_MEMBERS if key in document.document}
    config = canonical_json.encode(kept)
    manifest = Manifest(Descriptor(OCI_CONFIG, store.put(config), len(config)), tuple(layers))
    encoded = encode_manifest(manifest)
    stored = Descriptor(OCI_MANIFEST, store.put(encoded), len(encoded))
    store.set_record(CANONICALISED, stored.digest.hex, b"")
    return Image(manifest, parse_config(config, str(path)), stored, canonicalised=True)


def save(store: Store, descriptor: Descriptor, path: Path, names: Sequence[Reference] = ()) -> None:
    """Write the image to a new archive that replaces `path` when it is whole.

    The layers are written plain, as `docker save` does, and verified on the way. The same image and
    names give the same bytes. Raises InputError, UsageError (an index of several platforms; `path`
    is no file) or MachineError.
    """
    check_platforms(
        several=DOCKER_TO_OCI.get(descriptor.media_type, descriptor.media_type) == OCI_INDEX
    )
    image = stored_image(store, descriptor)
    config = store.read(image.manifest.config.digest, MAX_CONFIG)
    config_name = f"{image.manifest.config.digest.hex}.json"
    diff_ids = image.config_document.diff_ids
    by_diff_id = dict(zip(diff_ids, image.manifest.layers, strict=True))
    listed = {
        "Config": config_name,
        "RepoTags": sorted(f"{name.name}:{name.tag or 'latest'}" for name in names),
        "Layers": [f"{diff_id.hex}.tar" for diff_id in diff_ids],
    }
    with tar_output(path) as output:
        output.add(config_name, config)
        for diff_id in sorted(by_diff_id):
            _add_layer(output, store, by_diff_id[diff_id], diff_id)
        output.add("manifest.json", canonical_json.encode([listed]))


def check_platforms(*, several: bool) -> None:
    """Raise UsageError for an index of several platforms, which the format cannot hold."""
    if several:
        raise UsageError(
            "a docker-archive holds one platform, this is an index of several",
            fix="choose one with --platform, or write oci or oci-archive",
        )


def _add_layer(output: TarOutput, store: Store, layer: Descriptor, diff_id: Digest) -> None:
    name = f"{diff_id.hex}.tar"

    def content() -> Iterator[bytes]:
        hasher = hashlib.sha256()
        with store.open_verified(layer.digest) as stream:
            for chunk in decompressed(stream, f"layer {layer.digest}"):
                hasher.update(chunk)
                yield chunk
        if hasher.hexdigest() != diff_id.hex:
            raise InputError(f"layer {layer.digest} has another diff ID than {diff_id}")

    if not output.add_unsized(name, content()):
        size = sum(len(chunk) for chunk in content())
        output.add_stream(name, size, content())


def _choose(archive: Archive, name: str | None) -> _Listed:
    what = f"{archive.what}: manifest.json"
    data = read_file(archive, "manifest.json", _MAX_MANIFEST)
    images = [_listed(value, what) for value in list_of(canonical_json.decode(data, what), what)]
    if name is None:
        if len(images) == 1:
            return images[0]
        matching: list[_Listed] = []
    else:
        wanted = Reference.parse(name)
        matching = [image for image in images if any(_names(tag, wanted) for tag in image.tags)]
    if len(matching) == 1:
        return matching[0]
    tags = ", ".join(sorted(tag for image in images for tag in image.tags)) or "no named image"
    if name is None:
        raise InputError(f"{archive.what} holds {len(images)} images: {tags}", fix="add :NAME")
    raise InputError(f"{archive.what} holds no image called {name!r}; it holds: {tags}")


def _names(tag: str, wanted: Reference) -> bool:
    try:
        return Reference.parse(tag) == wanted
    except UsageError:
        return False


def _listed(value: object, what: str) -> _Listed:
    members = object_of(value, what)
    layers = [text_of(layer, what) for layer in list_of(members.get("Layers") or [], what)]
    tags = [text_of(tag, what) for tag in list_of(members.get("RepoTags") or [], what)]
    return _Listed(text_of(members.get("Config"), what), tuple(layers), tuple(tags))


def _check(
    archive: Archive, listed: _Listed, document: ConfigDocument, platform: Platform | None
) -> None:
    if len(listed.layers) != len(document.diff_ids):
        raise InputError(
            f"{archive.what} is inconsistent: {len(listed.layers)} layers in manifest.json, "
            f"{len(document.diff_ids)} diff IDs in {listed.config}"
        )
    if platform is not None and not runs_on(document.platform, platform):
        raise InputError(
            f"{archive.what} has no image for {platform}; it has: {document.platform}",
            fix="choose it with --platform",
        )
