"""`samebit diff` and `samebit verify` of big images in bounded memory."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from pathlib import Path

import pytest
from measured_command import measured
from samebit_command import Samebit

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

FILES, LARGE = 100_000, 1 << 30
MOST = 300 << 20
_OCI = "application/vnd.oci.image"


class _Repeated(io.BytesIO):
    """A file of `size` bytes in little memory, which ends in `end`; for reading only."""

    def __init__(self, size: int, end: bytes) -> None:
        super().__init__()
        self._left = size - len(end)
        self._end = end
        # Within reach of gzip's window, so that it is written fast.
        self._block = random.Random(1).randbytes(1 << 14)

    def read(self, count: int | None = -1) -> bytes:
        assert count is not None
        taken = min(count, self._left)
        self._left -= taken
        data = (self._block * (taken // len(self._block) + 1))[:taken]
        if taken < count:
            data, self._end = data + self._end, b""
        return data


def write(layout: Path, side: str) -> str:
    """Make an image of many small files and a large one; every hundredth and the large differ."""
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    plain = blobs.parent / "layer"
    with gzip.open(plain, "wb", 1) as packed, tarfile.open(fileobj=packed, mode="w|") as tar:
        for number in range(FILES):
            data = f"{number} {side if number % 100 == 0 else ''}".encode()
            member = tarfile.TarInfo(f"srv/{number % 100:02}/{number:06}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
        member = tarfile.TarInfo("srv/large")
        member.size = LARGE
        tar.addfile(member, _Repeated(LARGE, side.encode()))
    diff_id, digest = hashlib.sha256(), hashlib.sha256()
    with gzip.open(plain) as stream, plain.open("rb") as file:
        while data := stream.read(1 << 20):
            diff_id.update(data)
        while data := file.read(1 << 20):
            digest.update(data)
    layer = {
        "mediaType": f"{_OCI}.layer.v1.tar+gzip",
        "digest": f"sha256:{digest.hexdigest()}",
        "size": plain.stat().st_size,
    }
    plain.rename(blobs / digest.hexdigest())

    def put(kind: str, value: object) -> dict[str, object]:
        data = json.dumps(value).encode()
        name = hashlib.sha256(data).hexdigest()
        (blobs / name).write_bytes(data)
        return {"mediaType": f"{_OCI}.{kind}", "digest": f"sha256:{name}", "size": len(data)}

    ids = [f"sha256:{diff_id.hexdigest()}"]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": ids},
    }
    manifest = {"schemaVersion": 2, "config": put("config.v1+json", config), "layers": [layer]}
    top = put("manifest.v1+json", {"mediaType": f"{_OCI}.manifest.v1+json", **manifest})
    (layout / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [top]}))
    return f"oci:{layout}"


def test_diff_takes_little_memory(samebit: Samebit, tmp_path: Path) -> None:
    a, b = (write(tmp_path / side, side) for side in "ab")
    page = tmp_path / "page.html"
    done, usage = measured(samebit, "diff", "--limit=50", f"--html={page}", a, b)
    assert done.returncode == 1, done.stderr
    assert f"{FILES // 100 + 1} entries changed" in done.stdout
    assert usage.memory < MOST, usage


def test_verify_takes_little_memory(samebit: Samebit, base_layout: Path, tmp_path: Path) -> None:
    context = tmp_path / "context"
    context.mkdir()
    # Each file has a line of its own, and each differs by the host's name.
    (context / "Dockerfile").write_text(
        "FROM base\nRUN mkdir /srv; i=0; while [ $i -lt 20000 ]; do echo $i $(hostname) > /srv/$i;"
        " i=$((i+1)); done; head -c 1G /dev/zero > /srv/large; hostname >> /srv/large\n"
    )
    done, usage = measured(
        samebit,
        *("verify", "--progress=plain", "--apart=0", "--vary=host-name", "--bisect-builds=2"),
        f"--build-context=base=oci-layout://{base_layout}",
        context,
    )
    assert done.returncode == 1, done.stderr
    assert "different: 20000 paths" in done.stdout or "different: 20001 paths" in done.stdout
    assert "/srv/0: host-name alone makes it differ" in done.stdout
    assert usage.memory < MOST, usage
