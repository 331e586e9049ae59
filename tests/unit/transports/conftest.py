"""Small images made by hand, so that the tests know every byte of them."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from samebit.model.descriptor import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    Descriptor,
)
from samebit.model.digest import Digest
from samebit.store.store import Store

Make = Callable[..., Descriptor]


def layer(name: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo(name)
        member.size = len(name)
        archive.addfile(member, io.BytesIO(name.encode()))
    return buffer.getvalue()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def other(tmp_path: Path) -> Store:
    return Store(tmp_path / "other")


@pytest.fixture
def plain_layer() -> Callable[[str], bytes]:
    return layer


@pytest.fixture
def make() -> Make:
    """Put an image into a store; its JSON is indented, so that re-encoding would show."""

    def make(
        store: Store,
        *names: str,
        platform: str = "linux/amd64",
        types: tuple[str, str, str] = (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER_GZIP),
        pack: Callable[[bytes], bytes] = lambda data: gzip.compress(data, 1, mtime=7),
        **config: Any,
    ) -> Descriptor:
        plain = [layer(name) for name in names]
        layers = [pack(data) for data in plain]
        system, architecture, *variant = platform.split("/")
        document = {
            "os": system,
            "architecture": architecture,
            "config": {"Cmd": ["/x"]},
            "rootfs": {
                "type": "layers",
                "diff_ids": ["sha256:" + hashlib.sha256(data).hexdigest() for data in plain],
            },
            "history": [{"created_by": name} for name in names],
        }
        if variant:
            document["variant"] = variant[0]
        data = json.dumps(document | config, indent=1).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": types[0],
            "config": {
                "mediaType": types[1],
                "digest": str(store.put(data)),
                "size": len(data),
            },
            "layers": [
                {"mediaType": types[2], "digest": str(store.put(blob)), "size": len(blob)}
                for blob in layers
            ],
            "annotations": {"org.example.note": "kept in the bytes"},
        }
        encoded = json.dumps(manifest, indent=3).encode()
        return Descriptor(types[0], store.put(encoded), len(encoded))

    return make


@pytest.fixture
def make_index() -> Make:
    def make_index(store: Store, *images: tuple[Descriptor, str | None]) -> Descriptor:
        entries = []
        for descriptor, platform in images:
            entry: dict[str, Any] = {
                "mediaType": descriptor.media_type,
                "digest": str(descriptor.digest),
                "size": descriptor.size,
            }
            if platform:
                entry["platform"] = dict(
                    zip(("os", "architecture", "variant"), platform.split("/"), strict=False)
                )
            entries.append(entry)
        data = json.dumps(
            {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}, indent=2
        ).encode()
        return Descriptor(OCI_INDEX, store.put(data), len(data))

    return make_index


@pytest.fixture
def digest_of() -> Callable[[Path], Digest]:
    return lambda path: Digest.of(path.read_bytes())
