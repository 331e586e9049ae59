"""The memo: what was built from exactly these inputs before (DESIGN.md 4)."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from samebit.canonical import json as canonical_json
from samebit.lock.model import Lock
from samebit.lock.toml import format_lock
from samebit.model.descriptor import OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.pipeline.memo_records import KIND
from samebit.pipeline.request import BuildRequest
from samebit.store.store import Store
from samebit.transports.reachable import reachable

# Raised when the same inputs would give another image: a change of the canonical form, of the
# difference, of lowering or of the environment of RUN that the lock's versions do not tell.
_GENERATION = 2


def memo_key(
    request: BuildRequest, lock: Lock, contexts: dict[str, Digest], platform: Platform
) -> str:
    """Compute the key from everything that the digest depends on, and nothing else."""
    document = {
        "generation": _GENERATION,
        # Where bytes may be had does not change them.
        "lock": format_lock(replace(lock, inputs=None)),
        "contexts": {name: str(digest) for name, digest in contexts.items()},
        "labels": dict(request.labels),
        "modes": "keep" if request.keep_modes else "git",
        "platform": str(platform),
    }
    return hashlib.sha256(canonical_json.encode(document)).hexdigest()


def recall(store: Store, key: str) -> Descriptor | None:
    """Give the image that was built for `key`, if all of it is still in the store."""
    record = store.record(KIND, key)
    if record is None:
        return None
    digest = Digest.parse(record.decode("ascii"))
    if not store.has(digest):
        return None
    descriptor = Descriptor(OCI_MANIFEST, digest, store.size(digest))
    blobs = reachable(store, descriptor)
    return descriptor if all(store.has(blob.digest) for blob in blobs) else None


def remember(store: Store, key: str, image: Descriptor) -> None:
    """Remember what was built for `key`."""
    store.set_record(KIND, key, str(image.digest).encode("ascii"))
