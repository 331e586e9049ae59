"""A directory as an OCI layout of one uncompressed layer: how BuildKit is given build contexts.

A local directory would reach it through its own file transfer, which takes a file of the same size
and time for the same file, applies a .dockerignore once more, and forgets owners. A layout is found
by its content.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from samebit.model.descriptor import OCI_CONFIG, OCI_MANIFEST
from samebit.model.platform import Platform

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_LAYER = "application/vnd.oci.image.layer.v1.tar"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CHUNK = 1 << 20


def write_tree_layout(tree: Path, layout: Path, platform: Platform) -> str:
    """Write the directory `tree` to the new folder `layout`; gives its manifest's digest.

    Raises OSError.
    """
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    new = blobs / "new"
    with new.open("wb") as stream:
        hashed = _Hashed(stream)
        with tarfile.open(fileobj=hashed, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for path in _walk(os.fsencode(tree)):
                _add(archive, os.fsencode(tree), path)
        digest, size = hashed.digest.hexdigest(), stream.tell()
    new.rename(blobs / digest)
    layer = {"mediaType": _LAYER, "digest": f"sha256:{digest}", "size": size}
    config = {
        "architecture": platform.architecture,
        "os": platform.os,
        **({"variant": platform.variant} if platform.variant else {}),
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": _put(blobs, config, OCI_CONFIG),
        "layers": [layer],
    }
    top = _put(blobs, manifest, OCI_MANIFEST)
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": [top]}
    (layout / "index.json").write_text(json.dumps(index), "ascii")
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}', "ascii")
    return str(top["digest"])


class _Hashed(io.RawIOBase):
    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self.digest = hashlib.sha256()

    def write(self, data: ReadableBuffer, /) -> int:
        self.digest.update(data)
        return self._stream.write(data)


def _walk(root: bytes) -> Iterator[bytes]:
    """Give the paths below `root`, directories before what is in them; the root itself is empty."""
    pending = [b""]
    while pending:
        directory = pending.pop()
        yield directory
        with os.scandir(os.path.join(root, directory)) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        for entry in entries:
            path = os.path.join(directory, entry.name)
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)
            else:
                yield path


def _add(archive: tarfile.TarFile, root: bytes, path: bytes) -> None:
    full = os.fsdecode(os.path.join(root, path))
    member = archive.gettarinfo(full, os.fsdecode(path) or "./")
    if member is None:
        # A socket, which no archive holds.
        return
    member.uname = member.gname = ""
    member.mtime = int(member.mtime)
    member.pax_headers = {
        f"SCHILY.xattr.{name}": os.getxattr(full, name, follow_symlinks=False).decode(
            "utf-8", "surrogateescape"
        )
        for name in os.listxattr(full, follow_symlinks=False)
    }
    if member.isreg():
        with open(full, "rb", buffering=_CHUNK) as stream:
            archive.addfile(member, stream)
    else:
        archive.addfile(member)


def _put(blobs: Path, document: object, media_type: str) -> dict[str, object]:
    data = json.dumps(document, sort_keys=True, separators=(",", ":")).encode("ascii")
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}
