"""Looking at what samebit built, in its store, with nothing of samebit's own readers."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast


@dataclass(frozen=True)
class Built:
    """An image of the store whose state folder is `home`."""

    home: Path
    digest: str

    def blob(self, digest: str) -> bytes:
        data = (self.home / "store" / "blobs" / digest.replace(":", "/")).read_bytes()
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == digest
        return data

    @property
    def manifest(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self.blob(self.digest)))

    @property
    def document(self) -> dict[str, Any]:
        return cast("dict[str, Any]", json.loads(self.blob(self.manifest["config"]["digest"])))

    @property
    def config(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.document["config"])

    @property
    def layers(self) -> list[str]:
        return [layer["digest"] for layer in self.manifest["layers"]]

    @property
    def media_types(self) -> list[str]:
        return [layer["mediaType"] for layer in self.manifest["layers"]]

    def paths(self, number: int = -1) -> list[str]:
        """Give the paths in a layer, by default the last."""
        data = gzip.decompress(self.blob(self.layers[number]))
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            return [member.name for member in archive]

    def read(self, path: str, number: int = -1) -> bytes:
        """Give a file of a layer, by default of the last."""
        data = gzip.decompress(self.blob(self.layers[number]))
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            file = archive.extractfile(path)
            assert file is not None
            return file.read()
