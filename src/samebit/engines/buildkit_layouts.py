"""Images for BuildKit: OCI layouts in a folder of samebit's own, handed over as build contexts.

BuildKit's own store keeps what it has unpacked of them, and finds it again by digest.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from samebit.engines.protocol import STAGE_IMAGES
from samebit.store.failure import machine_errors
from samebit.store.removal import remove_tree


@dataclass(frozen=True, slots=True)
class Layouts:
    """The layouts below `folder`, by the names that lowered Dockerfiles use."""

    folder: Path

    def path(self, name: str) -> Path:
        """Give where the layout of that name lies, or would."""
        kind = "stage" if name.startswith(STAGE_IMAGES) else "base"
        return self.folder / f"{kind}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"

    def has(self, name: str) -> bool:
        """Tell whether there is one, with every blob that it names."""
        path = self.path(name)
        blobs = path / "blobs" / "sha256"
        return (path / "index.json").exists() and all(blob.exists() for blob in blobs.iterdir())

    def digest(self, name: str) -> str:
        """Give the digest of its only manifest. Raises OSError."""
        index = json.loads((self.path(name) / "index.json").read_bytes())
        return str(index["manifests"][0]["digest"])

    def layers(self, name: str) -> int:
        """Tell how many layers it has. Raises OSError."""
        algorithm, _, checksum = self.digest(name).partition(":")
        manifest = (self.path(name) / "blobs" / algorithm / checksum).read_bytes()
        return len(json.loads(manifest)["layers"])

    def add(self, name: str, layout: Path) -> None:
        """Keep a copy of a layout, whose blobs may be symlinks. Raises MachineError."""
        with machine_errors(f"cannot write to the engine's storage {self.folder}"):
            self.folder.mkdir(parents=True, exist_ok=True)
            new = self.new()
            shutil.copytree(layout, new, symlinks=True)
            self.settle(new, name)

    def new(self) -> Path:
        """Name a folder for a layout in the making."""
        return self.folder / f"new-{secrets.token_hex(8)}"

    def settle(self, new: Path, name: str) -> None:
        """Give what lies at `new` its name. Raises OSError."""
        path = self.path(name)
        remove_tree(path)
        os.rename(new, path)

    def remove(self, name: str) -> None:
        """Remove one; absent is fine."""
        remove_tree(self.path(name))

    def clear(self) -> None:
        """Remove what killed builds have left. Only where no other build uses the folder."""
        for path in sorted((*self.folder.glob("new-*"), *self.folder.glob("stage-*"))):
            remove_tree(path)


class KeepsLayouts:
    """The part of an engine that keeps its images as layouts."""

    def __init__(self, layouts: Layouts) -> None:
        """Keep them in `layouts`."""
        self._layouts = layouts

    def has_image(self, name: str) -> bool:
        """Tell whether an image of that name was imported or committed."""
        return self._layouts.has(name)

    def import_base(self, name: str, layout: Path) -> None:
        """Keep the only image of the OCI layout at `layout` as `name`. Raises MachineError."""
        self._layouts.add(name, layout)

    def remove(self, name: str) -> None:
        """Remove an image; absent is fine."""
        self._layouts.remove(name)
