"""Reading an OCI layout with nothing of samebit's: json, tarfile and hashlib."""

from __future__ import annotations

import hashlib
import json
import tarfile
from pathlib import Path
from typing import Any


def manifest_of(layout: Path) -> dict[str, Any]:
    """Read the only image's manifest."""
    index = json.loads((layout / "index.json").read_bytes())
    (entry,) = index["manifests"]
    return _document(layout, entry["digest"])


def config_of(layout: Path) -> dict[str, Any]:
    """The only image's configuration."""
    return _document(layout, manifest_of(layout)["config"]["digest"])


def layer_path(layout: Path, position: int = -1) -> Path:
    """The file of a layer's blob, by default the last one's."""
    return blob(layout, manifest_of(layout)["layers"][position]["digest"])


def members_of(layout: Path, position: int = -1) -> dict[str, tuple[object, ...]]:
    """What a layer holds: name to type, mode, owner, time, link and content hash."""
    found = {}
    with tarfile.open(layer_path(layout, position)) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            content = hashlib.sha256(stream.read()).hexdigest() if stream else ""
            found[member.name] = (
                member.type,
                member.mode,
                member.uid,
                member.gid,
                member.mtime,
                member.linkname,
                content,
            )
    return found


def blob(layout: Path, digest: str) -> Path:
    """The file of a blob."""
    return layout / "blobs" / "sha256" / digest.removeprefix("sha256:")


def _document(layout: Path, digest: str) -> dict[str, Any]:
    document = json.loads(blob(layout, digest).read_bytes())
    assert isinstance(document, dict)
    return document
