"""Base images made to do harm: exit 5, nothing outside, little memory, before an engine unpacks."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from measured_command import measured
from samebit_command import Samebit
from sample_images import tar_of

pytestmark = pytest.mark.e2e

GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
MEMORY = 300 << 20
SECONDS = 60.0


def archive(*members: tuple[str, bytes, str]) -> bytes:
    """Make an archive of (name, tarfile type, link target)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as out:
        for name, kind, link in members:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, link
            out.addfile(info)
    return buffer.getvalue()


def lying(data: bytes, size: bytes) -> bytes:
    """Say another size in the first header, with a checksum that fits."""
    header = bytearray(data)
    header[124:136] = size
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    return bytes(header)


FILE, LINK, SYMLINK, DIRECTORY = b"0", b"1", b"2", b"5"
PLAIN = archive(("etc", DIRECTORY, ""), ("etc/passwd", FILE, ""))
ONE_FILE = archive(("a", FILE, ""))
ZEROS = 512 << 20


def zeros(compressor: Callable[[], object], head: bytes = b"") -> bytes:
    """Compress much more than it takes to say it."""
    packer = compressor()
    parts = [packer.compress(head)]  # type: ignore[attr-defined]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(ZEROS >> 20)]  # type: ignore[attr-defined]
    return b"".join([*parts, packer.flush()])  # type: ignore[attr-defined]


def gzip_bomb() -> bytes:
    import zlib

    return zeros(lambda: zlib.compressobj(9, wbits=31))


def zstd_bomb() -> bytes:
    return zeros(lambda: zstandard.ZstdCompressor(level=3).compressobj())


# The layer's bytes, its media type, and the archive that the config promises (None: another one).
Layer = tuple[bytes, str, bytes | None]
LAYERS: dict[str, Callable[[], Layer]] = {
    "climbing": lambda: packed(archive(("../../outside", FILE, ""))),
    "climbing in the middle": lambda: packed(archive(("a/../../outside", FILE, ""))),
    "below a symlink": lambda: packed(archive(("l", SYMLINK, "/tmp"), ("l/outside", FILE, ""))),
    "hard link out": lambda: packed(archive(("l", LINK, "../../../etc/passwd"))),
    "hard link to nothing": lambda: packed(archive(("l", LINK, "/etc/shadow"))),
    "hard links in a ring": lambda: packed(archive(("a", LINK, "b"), ("b", LINK, "a"))),
    "root replaced": lambda: packed(archive(("/", SYMLINK, "/tmp"))),
    "size beyond the end": lambda: packed(lying(ONE_FILE, b"00000777777\0")),
    "size of 2^63": lambda: packed(lying(ONE_FILE, b"\x80" + b"\xff" * 11)),
    "a long pax header": lambda: packed(long_pax()),
    "a whiteout of the parent": lambda: packed(archive((".wh...", FILE, ""))),
    "truncated": lambda: (gzip.compress(PLAIN)[:-9], GZIP, PLAIN),
    "not what the config says": lambda: (gzip.compress(PLAIN), GZIP, b"another"),
    "compressed twice": lambda: packed(gzip.compress(PLAIN)),
    "gzip bomb": lambda: (gzip_bomb(), GZIP, None),
    "zstd bomb": lambda: (zstd_bomb(), ZSTD, None),
}


def packed(data: bytes) -> Layer:
    return gzip.compress(data), GZIP, data


def long_pax() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as out:
        info = tarfile.TarInfo("a")
        info.pax_headers = {"SCHILY.xattr.user.x": "y" * (2 << 20)}
        out.addfile(info)
    return buffer.getvalue()


def config_of(promised: bytes | None) -> bytes:
    diff_id = hashlib.sha256(b"" if promised is None else promised).hexdigest()
    return json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]},
        }
    ).encode()


def layout(folder: Path, layer: Layer) -> str:
    """Write an OCI layout with one image; gives what names it."""
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def add(data: bytes, media_type: str) -> dict[str, object]:
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": add(config_of(layer[2]), "application/vnd.oci.image.config.v1+json"),
        "layers": [add(layer[0], layer[1])],
    }
    top = add(json.dumps(manifest).encode(), str(manifest["mediaType"]))
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return f"oci:{folder}"


def oci_archive(folder: Path, layer: Layer) -> str:
    layout(folder / "layout", layer)
    path = folder / "image.tar"
    with tarfile.open(path, "w") as out:
        out.add(folder / "layout", ".")
    return f"oci-archive:{path}"


def docker_archive(folder: Path, layer: Layer) -> str:
    folder.mkdir()
    (folder / "config.json").write_bytes(config_of(layer[2]))
    (folder / "layer.tar").write_bytes(layer[0])
    (folder / "manifest.json").write_text('[{"Config":"config.json","Layers":["layer.tar"]}]')
    path = folder / "image.tar"
    with tarfile.open(path, "w") as out:
        for name in ("config.json", "layer.tar", "manifest.json"):
            out.add(folder / name, name)
    return f"docker-archive:{path}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("hostile") / "home"


def refused(home: Path, folder: Path, base: str) -> str:
    """Build on a base; gives the error's text, having checked how it was refused."""
    context = folder / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM base\nCOPY Dockerfile /here\n")
    begin = time.monotonic()
    done, usage = measured(Samebit(home), "build", f"--build-context=base={base}", context)
    text = done.stderr
    assert done.returncode == 5, text
    assert "Traceback" not in text
    assert usage.cpu_seconds < SECONDS
    assert time.monotonic() - begin < 20 * SECONDS
    assert usage.memory < MEMORY
    shutil.rmtree(context)
    return text


@pytest.mark.parametrize("name", LAYERS)
def test_a_layout_with_a_hostile_layer(home: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "base"
    text = refused(home, tmp_path, layout(folder, LAYERS[name]()))
    assert "layer" in text
    assert not (tmp_path / "outside").exists()
    assert sorted(os.listdir(tmp_path)) == ["base"]
    assert not Path("/tmp/outside").exists()


@pytest.mark.parametrize("name", ["climbing", "gzip bomb"])
@pytest.mark.parametrize("make", [oci_archive, docker_archive])
def test_an_archive_with_a_hostile_layer(
    home: Path, tmp_path: Path, make: Callable[[Path, Layer], str], name: str
) -> None:
    folder = tmp_path / "base"
    if make is oci_archive:
        folder.mkdir()
    text = refused(home, tmp_path, make(folder, LAYERS[name]()))
    assert "error:" in text
    assert sorted(os.listdir(tmp_path)) == ["base"]
    assert not Path("/tmp/outside").exists()


def test_documents_that_are_too_large_or_too_deep(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    base = layout(folder, packed(tar_of([])))
    for number, data in enumerate((b"[" * 100_000 + b"]" * 100_000, b" " * (32 << 20) + b"{}")):
        (folder / "index.json").write_bytes(data)
        (tmp_path / str(number)).mkdir()
        assert "error:" in refused(home, tmp_path / str(number), base)
