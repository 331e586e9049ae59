"""All blobs that an image, or an index of images, consists of."""

from __future__ import annotations

from samebit.errors import InputError
from samebit.image.manifest import MAX_MANIFEST, Manifest, parse_manifest
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.store.store import Store

_MAX_MANIFESTS = 10_000


def reachable(store: Store, descriptor: Descriptor) -> list[Descriptor]:
    """Give the descriptors of all blobs below `descriptor` and itself, sorted by digest.

    Raises InputError when a manifest is missing or malformed, or a blob is missing.
    """
    found: dict[Digest, Descriptor] = {}
    manifests: set[Digest] = set()
    pending = [descriptor]
    while pending:
        current = pending.pop()
        if current.digest in manifests:
            continue
        manifests.add(current.digest)
        if len(manifests) > _MAX_MANIFESTS:
            raise InputError(
                f"{descriptor.digest} consists of more than {_MAX_MANIFESTS} manifests"
            )
        found[current.digest] = current
        data = store.read(current.digest, MAX_MANIFEST)
        manifest = parse_manifest(data, f"manifest {current.digest}", current.media_type)
        if isinstance(manifest, Manifest):
            for blob in (manifest.config, *manifest.layers):
                if store.size(blob.digest) != blob.size:
                    raise InputError(
                        f"manifest {current.digest} says that {blob.digest} has {blob.size} bytes, "
                        f"it has {store.size(blob.digest)}"
                    )
                found.setdefault(blob.digest, blob)
        else:
            pending.extend(entry.descriptor for entry in manifest.entries)
    return [found[digest] for digest in sorted(found)]
