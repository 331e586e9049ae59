"""Base images made by hand, without samebit's own code, as OCI layouts."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
_PLAIN = "application/vnd.oci.image.layer.v1.tar"
_APPLETS = ("sh", "cat", "ls", "rm", "mkdir", "ln", "echo", "touch", "true", "id", "sleep", "stat")


@dataclass
class Member:
    """An entry of a layer: content, link target or neither (a directory)."""

    name: str
    content: bytes | None = None
    link: str | None = None
    mode: int = 0o644


def busybox_layer() -> list[Member]:
    """A shell and a few tools, with the account files that engines look for."""
    found = shutil.which("busybox")
    assert found, "busybox-static is not installed: make setup"
    members = [Member("bin/", mode=0o755)]
    members.append(Member("bin/busybox", Path(found).read_bytes(), mode=0o755))
    members += [Member(f"bin/{name}", link="busybox") for name in _APPLETS]
    members += [Member("etc/", mode=0o755), Member("etc/passwd", b"root:x:0:0::/:/bin/sh\n")]
    members += [Member("tmp/", mode=0o1777)]
    members += [Member("data/", mode=0o755), Member("data/old", b"old"), Member("data/kept", b"k")]
    return [*members, Member("opaque/", mode=0o755), Member("opaque/below", b"below")]


def second_layer(text: str = "new") -> list[Member]:
    """An explicit and an opaque whiteout, and a new file."""
    return [
        Member("data/", mode=0o755),
        Member("data/.wh.old", b""),
        Member("data/new", text.encode()),
        Member("opaque/", mode=0o755),
        Member("opaque/.wh..wh..opq", b""),
        Member("opaque/above", b"above"),
    ]


CONFIG: dict[str, Any] = {
    "Env": ["PATH=/bin", "FROM_BASE=yes"],
    "Cmd": ["/bin/sh"],
    "WorkingDir": "/data",
    "Labels": {"org.example.base": "kept", "org.example.both": "base"},
}


def write_layout(
    path: Path,
    layers: Sequence[Sequence[Member]],
    *,
    tag: str | None = "1",
    config: Mapping[str, Any] = CONFIG,
    compression: str = "gzip",
    platforms: Sequence[str] = ("linux/amd64",),
    history: Sequence[Mapping[str, Any]] | None = None,
) -> str:
    """Make a layout with an image, or an index of several; gives the digest that the tag means."""
    blobs = _Blobs(path / "blobs" / "sha256")
    packed = [_layer(blobs, members, compression) for members in layers]
    manifests = []
    for platform in platforms:
        system, architecture, *variant = platform.split("/")
        shown = {
            "os": system,
            "architecture": architecture,
            **({"variant": variant[0]} if variant else {}),
        }
        document = {
            **shown,
            "created": "2001-02-03T04:05:06Z",
            "author": "base@example.org",
            "config": dict(config),
            "rootfs": {"type": "layers", "diff_ids": [diff_id for _, diff_id in packed]},
            "history": [
                {"created_by": f"layer {number}", "created": "2001-02-03T04:05:06Z"}
                for number in range(len(packed))
            ]
            + [{"created_by": "CMD sh", "empty_layer": True}]
            if history is None
            else list(history),
        }
        described = blobs.add(document, "application/vnd.oci.image.config.v1+json")
        manifest = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": described,
            "layers": [layer for layer, _ in packed],
        }
        entry = blobs.add(manifest, str(manifest["mediaType"]))
        entry["platform"] = shown
        manifests.append(entry)
    top = manifests[0]
    if len(manifests) > 1:
        index = {
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": manifests,
        }
        top = blobs.add(index, str(index["mediaType"]))
    if tag is not None:
        top = {**top, "annotations": {"org.opencontainers.image.ref.name": tag}}
    listed: list[Any] = []
    if (path / "index.json").exists():
        listed = json.loads((path / "index.json").read_bytes())["manifests"]
        listed = [e for e in listed if e.get("annotations", {}) != top.get("annotations", {})]
    index_json = {"schemaVersion": 2, "manifests": [*listed, top]}
    (path / "index.json").write_text(json.dumps(index_json))
    (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return str(top["digest"])


@dataclass
class _Blobs:
    folder: Path
    known: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def add(self, value: Mapping[str, Any] | bytes, media_type: str) -> dict[str, Any]:
        # Indented, so that whoever encodes it again makes other bytes.
        data = value if isinstance(value, bytes) else json.dumps(value, indent=3).encode()
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def _layer(
    blobs: _Blobs, members: Sequence[Member], compression: str
) -> tuple[dict[str, Any], str]:
    plain = tar_of(members)
    diff_id = f"sha256:{hashlib.sha256(plain).hexdigest()}"
    return blobs.add(*_COMPRESSIONS[compression](plain)), diff_id


def _zstd(plain: bytes) -> tuple[bytes, str]:
    import zstandard

    return zstandard.ZstdCompressor(level=1).compress(plain), _ZSTD


_COMPRESSIONS: dict[str, Callable[[bytes], tuple[bytes, str]]] = {
    # A header that no other writer makes.
    "gzip": lambda plain: (gzip.compress(plain, 3, mtime=77), _GZIP),
    "zstd": _zstd,
    "plain": lambda plain: (plain, _PLAIN),
}


def tar_of(members: Sequence[Member]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for member in members:
            info = tarfile.TarInfo(member.name.rstrip("/"))
            info.mode, info.mtime = member.mode, 981_173_106
            if member.link is not None:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, member.link, 0o777
            elif member.content is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(member.content)
            archive.addfile(info, io.BytesIO(member.content or b""))
    return buffer.getvalue()
