"""Taking an image out of something shaped like an OCI image layout (image-layout.md)."""

from __future__ import annotations

from typing import BinaryIO, Protocol

from samebit.canonical import json as canonical_json
from samebit.errors import InputError
from samebit.image.manifest import Image, Index, parse_manifest
from samebit.image.members import object_of, text_of
from samebit.model.descriptor import OCI_INDEX, Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.store.store import Store
from samebit.transports.resolve import choose, resolve

_CHUNK = 1 << 20
_MAX_INDEX = 4 << 20
_REF_NAME = "org.opencontainers.image.ref.name"
# What buildx and containerd add: the whole reference, beside the tag alone in ref.name.
_FULL_NAME = "io.containerd.image.name"


class LayoutFiles(Protocol):
    """The files of a layout, wherever they lie. `what` names the layout in errors."""

    @property
    def what(self) -> str:
        """What to call it in errors."""
        ...

    def open(self, path: str) -> BinaryIO:
        """Open the regular file at `path` inside; raises InputError when there is none."""
        ...


class LayoutBlobs:
    """The small blobs of a layout, each checked against its digest."""

    def __init__(self, files: LayoutFiles) -> None:
        self._files = files

    def read(self, digest: Digest, limit: int) -> bytes:
        """Give the bytes. Raises InputError: absent, larger than `limit`, or other content."""
        data = read_file(self._files, f"blobs/sha256/{digest.hex}", limit)
        if Digest.of(data) != digest:
            raise InputError(f"{self._files.what}: blob {digest} has other content")
        return data


def load_from_layout(
    files: LayoutFiles,
    store: Store,
    platform: Platform | None,
    *,
    name: str | None = None,
    digest: Digest | None = None,
) -> Image:
    """Copy the image called `name`, or of that manifest `digest`, into the store, byte for byte.

    Without either the layout must hold only one image. Every blob is verified. Raises InputError.
    """
    what = files.what
    _check_version(files)
    blobs = LayoutBlobs(files)
    if digest is not None:
        descriptor = _by_digest(blobs, digest, what)
    else:
        index = parse_manifest(read_file(files, "index.json", _MAX_INDEX), what, OCI_INDEX)
        if not isinstance(index, Index):
            raise InputError(f"{what}: its index.json is not an index")
        descriptor = _by_name(blobs, index, name, platform, what)
    resolved = resolve(blobs, descriptor, platform, what)
    image = resolved.image
    store.put(resolved.config)
    for layer in image.manifest.layers:
        _copy(files, layer, store)
    store.put(resolved.manifest)
    return image


def top_level(
    files: LayoutFiles, *, name: str | None = None, digest: Digest | None = None
) -> tuple[Descriptor, bytes]:
    """Give what `name` or `digest` means, an index not followed, with its verified bytes.

    A layout of several images without names is itself the index of one image. Raises InputError.
    """
    what = files.what
    _check_version(files)
    blobs = LayoutBlobs(files)
    found = None
    if digest is not None:
        found = _by_digest(blobs, digest, what)
    else:
        data = read_file(files, "index.json", _MAX_INDEX)
        index = parse_manifest(data, what, OCI_INDEX)
        if not isinstance(index, Index):
            raise InputError(f"{what}: its index.json is not an index")
        found = _named(index, name, what)
        if found is None:
            return Descriptor(OCI_INDEX, Digest.of(data), len(data)), data
    return found, blobs.read(found.digest, _MAX_INDEX)


def read_file(files: LayoutFiles, path: str, limit: int) -> bytes:
    """Give a file of at most `limit` bytes. Raises InputError."""
    with files.open(path) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"{files.what}: {path} is larger than {limit} bytes")
    return data


def _check_version(files: LayoutFiles) -> None:
    what = f"{files.what}: oci-layout"
    document = object_of(canonical_json.decode(read_file(files, "oci-layout", 4096), what), what)
    version = text_of(document.get("imageLayoutVersion"), what)
    if not version.startswith("1."):
        raise InputError(f"{what}: version {version[:40]!r} is not supported, only 1")


def _by_digest(blobs: LayoutBlobs, digest: Digest, what: str) -> Descriptor:
    data = blobs.read(digest, _MAX_INDEX)
    stated = object_of(canonical_json.decode(data, what), what).get("mediaType")
    return Descriptor(stated if isinstance(stated, str) else "", digest, len(data))


def _by_name(
    blobs: LayoutBlobs, index: Index, name: str | None, platform: Platform | None, what: str
) -> Descriptor:
    return _named(index, name, what) or choose(blobs, index, platform, what).descriptor


def _named(index: Index, name: str | None, what: str) -> Descriptor | None:
    """Give the entry called `name`; None when the layout is one image for several platforms."""
    names: set[str] = set()
    matching: set[Descriptor] = set()
    for entry in index.entries:
        annotations = dict(entry.annotations)
        own = {annotations[key] for key in (_REF_NAME, _FULL_NAME) if key in annotations}
        names |= own
        if name is None or name in own:
            matching.add(entry.descriptor)
    if len(matching) == 1:
        return matching.pop()
    if matching and name is None and not names:
        return None
    listed = ", ".join(sorted(names)) or "no named image"
    if name is None and matching:
        raise InputError(f"{what} holds several images: {listed}", fix="add :NAME to say which")
    wanted = f"no image called {name!r}" if name is not None else "no image"
    raise InputError(f"{what} holds {wanted}; it holds: {listed}" if name else f"{what} is empty")


def _copy(files: LayoutFiles, blob: Descriptor, store: Store) -> None:
    if store.has(blob.digest) and store.size(blob.digest) == blob.size:
        return
    with (
        files.open(f"blobs/sha256/{blob.digest.hex}") as stream,
        store.writer(blob.digest, blob.size) as writer,
    ):
        while chunk := stream.read(_CHUNK):
            writer.write(chunk)
        writer.commit()
