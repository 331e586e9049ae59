"""Layers without original blobs: any compression in, the canonical one out, diff ID verified."""

from __future__ import annotations

import hashlib
import os
from typing import BinaryIO

from samebit.canonical.compressor import GzipWriter
from samebit.errors import InputError
from samebit.image.decompress import decompressed
from samebit.model.descriptor import OCI_LAYER_GZIP, Descriptor
from samebit.model.digest import Digest
from samebit.store.store import Store

# The number is that of the canonical form: another one compresses to other bytes.
_RECORD = "canonical-layer-1"


def recompress(stream: BinaryIO, diff_id: Digest, store: Store, what: str) -> Descriptor:
    """Put the layer in `stream` into the store, compressed canonically.

    A layer that the store has compressed before is only verified. Raises InputError when its
    content is not that of `diff_id`, or is damaged.
    """
    known = _known(store, diff_id)
    if known is not None:
        hasher = hashlib.sha256()
        for chunk in decompressed(stream, what):
            hasher.update(chunk)
        _check(Digest(hasher.hexdigest()), diff_id, what)
        return known
    threads = len(os.sched_getaffinity(0))
    with store.writer() as writer, GzipWriter(writer.write, threads) as compressor:
        for chunk in decompressed(stream, what):
            compressor.write(chunk)
        made = compressor.close()
        _check(made.content_digest, diff_id, what)
        digest, size = writer.commit()
    store.set_record(_RECORD, diff_id.hex, f"{digest} {size}".encode())
    return Descriptor(OCI_LAYER_GZIP, digest, size)


def _known(store: Store, diff_id: Digest) -> Descriptor | None:
    record = store.record(_RECORD, diff_id.hex)
    if record is None:
        return None
    digest, _, size = record.decode().partition(" ")
    known = Descriptor(OCI_LAYER_GZIP, Digest.parse(digest), int(size))
    if not store.has(known.digest) or store.size(known.digest) != known.size:
        return None
    return known


def _check(found: Digest, diff_id: Digest, what: str) -> None:
    if found != diff_id:
        raise InputError(f"{what} has other content: its diff ID is {found}, not {diff_id}")
