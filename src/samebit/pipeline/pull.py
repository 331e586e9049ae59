"""Bringing an image of one platform from a registry into the store, original bytes throughout."""

from __future__ import annotations

from samebit.image.manifest import Image, Manifest, parse_manifest
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.registry.client import RegistryClient
from samebit.store.store import Store
from samebit.transports.resolve import resolve


class _RegistryBlobs:
    """The manifests and configs of one repository, kept in the store once they were read."""

    def __init__(self, client: RegistryClient, reference: Reference, store: Store) -> None:
        self._client = client
        self._reference = reference
        self._store = store
        self._configs: dict[Digest, Descriptor] = {}

    def read(self, digest: Digest, limit: int) -> bytes:
        """Give a manifest, or the config of one that was read before."""
        if digest in self._configs:
            self._client.pull_blob(self._reference, self._configs[digest], self._store)
            return self._store.read(digest, limit)
        if not self._store.has(digest):
            self._store.put(
                self._client.resolve(self._reference.with_digest(digest), self._store).data
            )
        data = self._store.read(digest, limit)
        found = parse_manifest(data, str(self._reference))
        if isinstance(found, Manifest):
            self._configs[found.config.digest] = found.config
        return data


def pull(client: RegistryClient, text: str, platform: Platform, store: Store) -> Image:
    """Pull what `text` names, for `platform`. Raises InputError."""
    found = client.find(text, store)
    store.put(found.data)
    blobs = _RegistryBlobs(client, found.reference, store)
    image = resolve(blobs, found.descriptor, platform, text).image
    for layer in image.manifest.layers:
        client.pull_blob(found.reference, layer, store)
    return image
