"""OCI image layouts inside one tar archive: reading and writing."""

from __future__ import annotations

from pathlib import Path

from samebit.image.entry import Entry, Kind
from samebit.image.manifest import Image
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.store import names
from samebit.store.store import Store
from samebit.transports.archive import open_archive
from samebit.transports.layout_source import load_from_layout
from samebit.transports.output import TarOutput, tar_output
from samebit.transports.pieces import pieces
from samebit.transports.reachable import reachable


def load(
    path: Path,
    store: Store,
    platform: Platform | None,
    *,
    name: str | None = None,
    digest: Digest | None = None,
) -> Image:
    """Copy an image from the archive at `path` into the store; see load_from_layout.

    Also raises InputError for archives that are malformed, ambiguous or dangerous to unpack.
    """
    with open_archive(path, store, "OCI archive") as archive:
        return load_from_layout(archive, store, platform, name=name, digest=digest)


def save(store: Store, descriptor: Descriptor, path: Path, name: str | None = None) -> None:
    """Write what `descriptor` reaches to a new archive that replaces `path` when it is whole.

    The same image and name give the same bytes. Raises InputError (the store's blobs), UsageError
    (`path` is no file) or MachineError.
    """
    blobs = reachable(store, descriptor)
    index = names.encode_index(names.with_name(names.empty_index(), name, descriptor))
    with tar_output(path) as output:
        _directory(output, b"blobs")
        _directory(output, b"blobs/sha256")
        for blob in blobs:
            with store.open_verified(blob.digest) as stream:
                output.add_stream(f"blobs/sha256/{blob.digest.hex}", blob.size, pieces(stream))
        output.add("index.json", index)
        output.add("oci-layout", names.OCI_LAYOUT)


def _directory(output: TarOutput, path: bytes) -> None:
    output.header(Entry(path, Kind.DIRECTORY, 0o755))
