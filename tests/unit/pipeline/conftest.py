"""Small images in OCI layouts, written by Python's own tarfile and gzip."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from samebit.model.descriptor import OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST

Json = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """A member; fields as tarfile.TarInfo has them."""

    name: str
    data: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    mtime: float = 1000
    type: bytes = tarfile.REGTYPE
    linkname: str = ""
    uname: str = ""
    gname: str = ""
    devmajor: int = 0
    devminor: int = 0
    pax: dict[str, str] = field(default_factory=dict)


def directory(name: str, **more: Any) -> Item:
    return Item(name, type=tarfile.DIRTYPE, **{"mode": 0o755, **more})


def archive(items: Sequence[Item], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for item in items:
            member = tarfile.TarInfo(item.name)
            for name in (
                *("mode", "uid", "gid", "mtime", "type", "linkname"),
                *("uname", "gname", "devmajor", "devminor"),
            ):
                setattr(member, name, getattr(item, name))
            member.pax_headers = dict(item.pax)
            member.size = len(item.data)
            tar.addfile(member, io.BytesIO(item.data))
    return buffer.getvalue()


def packed(data: bytes) -> bytes:
    return gzip.compress(data, 6, mtime=0)


class Layout:
    """An OCI layout that images are put into."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = root / "blobs" / "sha256"
        self.blobs.mkdir(parents=True)
        (root / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def put(self, data: bytes, media_type: str, **more: Any) -> Json:
        digest = hashlib.sha256(data).hexdigest()
        (self.blobs / digest).write_bytes(data)
        return {
            "mediaType": media_type,
            "digest": f"sha256:{digest}",
            "size": len(data),
            **more,
        }

    def image(
        self,
        *layers: bytes,
        pack: Callable[[bytes], bytes] = packed,
        media_type: str = OCI_LAYER_GZIP,
        config: Json | None = None,
        manifest: Json | None = None,
        layer_line: Json | None = None,
        indent: int | None = None,
        platform: str = "linux/amd64",
    ) -> Json:
        system, architecture = platform.split("/")
        document = {
            "architecture": architecture,
            "os": system,
            "created": "2026-01-01T00:00:00Z",
            "config": {"Env": ["PATH=/bin", "A=1"], "Cmd": ["sh"], "Labels": {"one.two": "x"}},
            "history": [{"created_by": f"layer {n}"} for n in range(len(layers))],
            "rootfs": {
                "type": "layers",
                "diff_ids": ["sha256:" + hashlib.sha256(data).hexdigest() for data in layers],
            },
            **(config or {}),
        }
        described = self.put(json.dumps(document, indent=indent).encode(), OCI_CONFIG)
        body = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": described,
            "layers": [self.put(pack(data), media_type, **(layer_line or {})) for data in layers],
            **(manifest or {}),
        }
        return self.put(json.dumps(body, indent=indent).encode(), OCI_MANIFEST)

    def index(self, *entries: tuple[Json, str | None], **more: Any) -> Json:
        lines = []
        for descriptor, platform in entries:
            line = dict(descriptor)
            if platform:
                system, architecture = platform.split("/")
                line["platform"] = {"os": system, "architecture": architecture}
            lines.append(line)
        body = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": lines, **more}
        return self.put(json.dumps(body).encode(), OCI_INDEX)

    def name(self, *descriptors: Json) -> str:
        (self.root / "index.json").write_text(
            json.dumps({"schemaVersion": 2, "manifests": list(descriptors)})
        )
        return f"oci:{self.root}"


@pytest.fixture
def layout(tmp_path: Path) -> Callable[[str], Layout]:
    return lambda name: Layout(tmp_path / name)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., str]:
    """Make a layout of one image, from lists of items or archives; gives what to call it."""

    def make(name: str, *layers: Sequence[Item] | bytes, **more: Any) -> str:
        form = more.pop("form", tarfile.PAX_FORMAT)
        layout = Layout(tmp_path / name)
        plain = [data if isinstance(data, bytes) else archive(data, form) for data in layers]
        return layout.name(layout.image(*plain, **more))

    return make


@pytest.fixture(scope="session")
def build() -> Any:
    """Give the builders themselves: Item, directory, archive, packed and Layout."""

    class Builders:
        item = Item
        directory = staticmethod(directory)
        archive = staticmethod(archive)
        packed = staticmethod(packed)
        layout = Layout

    return Builders


@pytest.fixture(autouse=True)
def private_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give every test a store and temporary files of its own."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("SAMEBIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
