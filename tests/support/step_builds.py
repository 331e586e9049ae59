"""Images as tests see them: an OCI layout written by hand, and one read back with tarfile."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from samebit_command import Samebit

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_KINDS = {
    tarfile.REGTYPE: "file",
    tarfile.DIRTYPE: "directory",
    tarfile.SYMTYPE: "symlink",
    tarfile.LNKTYPE: "hard link",
    tarfile.CHRTYPE: "character device",
    tarfile.BLKTYPE: "block device",
    tarfile.FIFOTYPE: "fifo",
}
_APPLETS = (
    "cat", "chmod", "chown", "cp", "date", "env", "grep", "head", "hostname", "id", "ip", "ln",
    "ls", "mkdir", "mkfifo", "mknod", "mount", "mv", "nc", "readlink", "rm", "rmdir", "sh",
    "sleep", "sort", "stat", "tail", "tee", "test", "touch", "tr", "true", "wc", "xargs",
)  # fmt: skip
_BY_HAND = "by hand"
_PASSWD = """\
root:x:0:0:root:/root:/bin/sh
app:x:1001:1002:app:/home/app:/bin/sh
"""
_GROUP = "root:x:0:\napp:x:1002:\nextra:x:1003:app\n"


@dataclass(frozen=True)
class Item:
    """An entry of a layer, or one to be written into a base."""

    kind: str = "file"
    mode: int = 0o644
    owner: tuple[int, int] = (0, 0)
    content: bytes = b""
    link: str = ""
    xattrs: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "surrogateescape")


def directory(mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> Item:
    return Item("directory", mode, owner)


@dataclass(frozen=True)
class Built:
    """What a build gave; `layer` is the image's own layer by path without a leading slash."""

    digest: str
    stderr: str
    layout: Path
    config: dict[str, Any]
    layer: dict[str, Item]
    layers: int

    def text(self, path: str) -> str:
        return self.layer[path].text

    def lines(self, path: str) -> list[str]:
        return self.text(path).splitlines()

    def paths(self, below: str = "") -> list[str]:
        return [path for path in self.layer if path.startswith(below)]

    def shape(self, below: str = "") -> dict[str, tuple[str, str, tuple[int, int]]]:
        """Kind, mode and owner of everything below a path."""
        return {
            path: (item.kind, f"{item.mode:o}", item.owner)
            for path, item in self.layer.items()
            if path.startswith(below)
        }


@dataclass(frozen=True)
class Steps:
    """Builds Dockerfiles in a context, with a small image called `base`, and reads the result."""

    samebit: Samebit
    context: Path
    base: Path

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for name, content in files.items():
            path = self.context / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)

    def build(
        self, dockerfile: str, *options: str | Path, same_on_vfs: bool = False, **environment: str
    ) -> Built:
        """Build and read the image; with `same_on_vfs` once more there, for the same digest."""
        arguments = self.arguments(dockerfile, *options)
        layout = self.context.with_name(f"{self.context.name}.oci")
        shutil.rmtree(layout, ignore_errors=True)
        done = self.samebit.run(*arguments, f"--output=oci:{layout}", **environment)
        assert done.returncode == 0, done.stderr
        built = read_image(layout, done.stdout.strip(), done.stderr)
        if same_on_vfs:
            environment["SAMEBIT_STORAGE_DRIVER"] = "vfs"
            assert self.samebit.build(*arguments[3:], **environment) == built.digest
        return built

    def fails(self, dockerfile: str, *options: str | Path, code: int, **environment: str) -> str:
        """Expect the build to end with the exit code; gives what it said on stderr."""
        done = self.samebit.run(*self.arguments(dockerfile, *options), **environment)
        assert done.returncode == code, done.stderr
        assert done.stdout == ""
        assert "Traceback" not in done.stderr
        return done.stderr

    def arguments(self, dockerfile: str, *options: str | Path) -> list[str | Path]:
        (self.context / "Dockerfile").write_text(dockerfile)
        return [
            "build", "--progress", "plain", "--no-cache",
            "--build-context", f"base=oci-layout://{self.base}", *options, self.context,
        ]  # fmt: skip


def read_image(layout: Path, digest: str = "", stderr: str = "") -> Built:
    """Read the only image of an OCI layout, checking what holds for every canonical layer."""
    index = json.loads((layout / "index.json").read_bytes())
    found = index["manifests"][0]["digest"]
    assert not digest or found == digest
    manifest = json.loads(_blob(layout, found))
    config = json.loads(_blob(layout, manifest["config"]["digest"]))
    layers = manifest["layers"]
    filled = [entry["created_by"] for entry in config["history"] if not entry.get("empty_layer")]
    assert len(filled) == len(layers), "the history does not account for every layer"
    own = filled and filled[-1] != _BY_HAND
    layer = _layer(_blob(layout, layers[-1]["digest"])) if own else {}
    return Built(found, stderr, layout, config, layer, len(layers))


def _layer(blob: bytes) -> dict[str, Item]:
    items: dict[str, Item] = {}
    times = set()
    with tarfile.open(
        fileobj=io.BytesIO(gzip.decompress(blob)), errors="surrogateescape"
    ) as archive:
        for member in archive:
            source = archive.extractfile(member) if member.isfile() else None
            times.add(member.mtime)
            assert (member.uname, member.gname) == ("", "")
            items[member.name] = Item(
                _KINDS[member.type],
                member.mode,
                (member.uid, member.gid),
                source.read() if source else b"",
                member.linkname,
                {
                    name.removeprefix("SCHILY.xattr."): value.encode("utf-8", "surrogateescape")
                    for name, value in member.pax_headers.items()
                    if name.startswith("SCHILY.xattr.")
                },
            )
    assert len(times) == 1, "several times in one layer"
    assert [os.fsencode(path) for path in items] == sorted(os.fsencode(path) for path in items)
    return items


def _blob(layout: Path, digest: str) -> bytes:
    data = (layout / "blobs" / "sha256" / digest.removeprefix("sha256:")).read_bytes()
    assert hashlib.sha256(data).hexdigest() == digest.removeprefix("sha256:")
    return data


def write_image(
    layout: Path, items: Mapping[str, Item], config: Mapping[str, object] | None = None
) -> Path:
    """Write an image with one layer, by tarfile: nothing of samebit makes it."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, item in items.items():
            archive.addfile(_member(path, item), io.BytesIO(item.content))
    raw = tar.getvalue()
    packed = gzip.compress(raw, mtime=0)
    document = {
        "architecture": _ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": dict(config or {}),
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(raw).hexdigest()}"]},
        "history": [{"created_by": _BY_HAND}],
    }
    image = "application/vnd.oci.image"
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{image}.manifest.v1+json",
        "config": _put(blobs, json.dumps(document).encode(), f"{image}.config.v1+json"),
        "layers": [_put(blobs, packed, f"{image}.layer.v1.tar+gzip")],
    }
    described = _put(blobs, json.dumps(manifest).encode(), f"{image}.manifest.v1+json")
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))
    return layout


def busybox_items(
    extra: Mapping[str, Item] | None = None, applets: Sequence[str] = _APPLETS
) -> dict[str, Item]:
    """Give the content of `base`: a static busybox, users, and a few ordinary directories."""
    found = shutil.which("busybox")
    assert found, "busybox-static is not installed: make setup"
    items = {
        "bin": directory(),
        "bin/busybox": Item(mode=0o755, content=Path(found).read_bytes()),
        **{f"bin/{name}": Item("symlink", 0o777, link="busybox") for name in applets},
        "etc": directory(),
        "etc/group": Item(content=_GROUP.encode()),
        "etc/passwd": Item(content=_PASSWD.encode()),
        "home": directory(),
        "home/app": directory(0o750, (1001, 1002)),
        "root": directory(0o700),
        "tmp": directory(0o1777),
    }
    return {**items, **(extra or {})}


def pack(items: Mapping[str, Item]) -> bytes:
    """Give a tar archive."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for path, item in items.items():
            archive.addfile(_member(path, item), io.BytesIO(item.content))
    return tar.getvalue()


def names(paths: Sequence[str]) -> set[str]:
    """Give the last components."""
    return {path.rsplit("/", 1)[-1] for path in paths}


def _member(path: str, item: Item) -> tarfile.TarInfo:
    member = tarfile.TarInfo(path)
    member.type = next(kind for kind, name in _KINDS.items() if name == item.kind)
    member.mode, (member.uid, member.gid) = item.mode, item.owner
    member.linkname, member.size, member.mtime = item.link, len(item.content), 1_000_000_000
    # /dev/null's: the number 0 means a deletion to overlay.
    member.devmajor, member.devminor = 1, 3
    member.pax_headers = {
        f"SCHILY.xattr.{name}": value.decode("utf-8", "surrogateescape")
        for name, value in item.xattrs.items()
    }
    return member


def _put(blobs: Path, data: bytes, media_type: str) -> dict[str, object]:
    digest = hashlib.sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}
