"""Opening an image for reading where it lies, without filling the user's store with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from samebit.errors import InputError
from samebit.image.compare_images import OpenedImage
from samebit.image.config import MAX_CONFIG
from samebit.image.layer_blob import LayerBlob
from samebit.image.manifest import MAX_MANIFEST, Index, Manifest, parse_manifest
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.registry.client import RegistryClient
from samebit.store.store import Store
from samebit.transports import dispatch, oci_layout
from samebit.transports.archive import open_archive
from samebit.transports.layout_source import LayoutBlobs, LayoutFiles, top_level
from samebit.transports.locate import Location, Transport, parse_source
from samebit.transports.resolve import choose, resolve

_MAX_DEPTH = 4


class _Blobs(Protocol):
    """Where an image's blobs are. `read` and `manifest` verify, `open` does not."""

    def read(self, digest: Digest, limit: int) -> bytes: ...

    def open(self, blob: Descriptor) -> BinaryIO: ...

    def manifest(self, descriptor: Descriptor) -> bytes: ...

    def prepare(self, descriptor: Descriptor, platform: Platform | None) -> None: ...


@dataclass(frozen=True, slots=True)
class OpenedSource:
    """What a person named: an image, or an index of images.

    `data` holds the verified bytes that `descriptor` describes; `index` is None for one image.
    `canonicalised` says that the place keeps no manifest, so that samebit made this one.
    """

    name: str
    descriptor: Descriptor
    data: bytes
    index: Index | None
    canonicalised: bool
    blobs: _Blobs

    def manifest(self, descriptor: Descriptor) -> Manifest | Index:
        """Read the manifest or index that `descriptor`, of the index here, means; InputError."""
        what = f"manifest {descriptor.digest} of {self.name}"
        if descriptor.size > MAX_MANIFEST:
            raise InputError(f"{what} has {descriptor.size} bytes, too many")
        return parse_manifest(self.blobs.manifest(descriptor), what, descriptor.media_type or None)

    def image(
        self, descriptor: Descriptor | None = None, platform: Platform | None = None
    ) -> OpenedImage:
        """Open the image that `descriptor`, or the whole, means for `platform`.

        None takes the only platform, or the native one. Raises InputError.
        """
        wanted = descriptor or self.descriptor
        self.blobs.prepare(wanted, platform)
        resolved = resolve(self.blobs, wanted, platform, self.name)
        image = resolved.image
        layers = tuple(
            LayerBlob(
                f"layer {number} of {self.name}", layer, diff_id, partial(self.blobs.open, layer)
            )
            for number, (layer, diff_id) in enumerate(
                zip(image.manifest.layers, image.config_document.diff_ids, strict=True), 1
            )
        )
        return OpenedImage(image, resolved.manifest, resolved.config, layers)


@contextmanager
def open_source(
    text: str, platform: Platform | None, store_root: Path, temporary: Path
) -> Iterator[OpenedSource]:
    """Open what `text` names: any place that samebit reads, or a digest in its store.

    Layouts and archives are read in place; what has to be fetched or converted goes into a store
    below `temporary`. `platform` chooses where a place keeps no index. Raises UsageError,
    InputError or MachineError.
    """
    location = _location(text)
    match location.transport:
        case Transport.STORE:
            assert location.reference is not None
            store = Store(store_root)
            found = dispatch.stored(store, location.reference)
            yield _opened(text, found, store.read(found.digest, MAX_MANIFEST), _InStore(store))
        case Transport.OCI_LAYOUT:
            assert location.path is not None
            yield _in_layout(text, location, oci_layout.files_of(location.path))
        case Transport.OCI_ARCHIVE:
            assert location.path is not None
            with open_archive(location.path, Store(temporary), "OCI archive") as files:
                yield _in_layout(text, location, files)
        case Transport.REGISTRY:
            assert location.reference is not None
            with RegistryClient() as client:
                store = Store(temporary)
                blobs = _InRegistry(client, location.reference, store)
                top = client.resolve(location.reference)
                store.put(top.data)
                yield _opened(text, top.descriptor, top.data, blobs)
        case _:
            store = Store(temporary)
            image = dispatch.load(location, store, platform)
            data = store.read(image.descriptor.digest, MAX_MANIFEST)
            yield _opened(
                text, image.descriptor, data, _InStore(store), canonicalised=image.canonicalised
            )


def _location(text: str) -> Location:
    if text.startswith("sha256:"):
        # What `build` prints: the name of an image in the store whatever else it is called.
        digest = Digest.parse(text)
        return Location(Transport.STORE, reference=Reference("", "", None, digest))
    return parse_source(text)


def _opened(
    name: str, descriptor: Descriptor, data: bytes, blobs: _Blobs, *, canonicalised: bool = False
) -> OpenedSource:
    found = parse_manifest(data, name, descriptor.media_type or None)
    index = found if isinstance(found, Index) else None
    return OpenedSource(name, descriptor, data, index, canonicalised, blobs)


def _in_layout(name: str, location: Location, files: LayoutFiles) -> OpenedSource:
    descriptor, data = top_level(files, name=location.name, digest=location.digest)
    return _opened(name, descriptor, data, _InLayout(files, descriptor, data))


class _InStore:
    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self, digest: Digest, limit: int) -> bytes:
        return self._store.read(digest, limit)

    def open(self, blob: Descriptor) -> BinaryIO:
        return self._store.open(blob.digest)

    def manifest(self, descriptor: Descriptor) -> bytes:
        return self.read(descriptor.digest, MAX_MANIFEST)

    def prepare(self, descriptor: Descriptor, platform: Platform | None) -> None:
        pass


class _InLayout:
    def __init__(self, files: LayoutFiles, top: Descriptor, data: bytes) -> None:
        self._files = files
        self._small = LayoutBlobs(files)
        self._top = top
        self._data = data

    def read(self, digest: Digest, limit: int) -> bytes:
        # The layout's own index.json is no blob of it.
        return self._data if digest == self._top.digest else self._small.read(digest, limit)

    def open(self, blob: Descriptor) -> BinaryIO:
        return self._files.open(f"blobs/sha256/{blob.digest.hex}")

    def manifest(self, descriptor: Descriptor) -> bytes:
        return self.read(descriptor.digest, MAX_MANIFEST)

    def prepare(self, descriptor: Descriptor, platform: Platform | None) -> None:
        pass


class _InRegistry:
    """Fetches what is asked for, and layers only when they are read."""

    def __init__(self, client: RegistryClient, reference: Reference, store: Store) -> None:
        self._client = client
        self._reference = reference
        self._store = store

    def read(self, digest: Digest, limit: int) -> bytes:
        return self._store.read(digest, limit)

    def open(self, blob: Descriptor) -> BinaryIO:
        self._client.pull_blob(self._reference, blob, self._store)
        return self._store.open(blob.digest)

    def manifest(self, descriptor: Descriptor) -> bytes:
        pinned = self._reference.with_digest(descriptor.digest)
        data = self._client.resolve(pinned, self._store).data
        self._store.put(data)
        return data

    def prepare(self, descriptor: Descriptor, platform: Platform | None) -> None:
        what = str(self._reference)
        for _ in range(_MAX_DEPTH):
            data = self.manifest(descriptor)
            found = parse_manifest(data, what, descriptor.media_type or None)
            if isinstance(found, Manifest):
                if found.config.size > MAX_CONFIG:
                    raise InputError(f"{what}: its config has {found.config.size} bytes")
                self._client.pull_blob(self._reference, found.config, self._store)
                return
            descriptor = choose(self._store, found, platform, what).descriptor
