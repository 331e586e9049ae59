# ruff: noqa: D103, INP001, S311, T201 - a script that prints, and makes the same bytes always
"""Measure `samebit diff` of two images that differ in one file against reading and hashing both.

`python benchmarks/diff.py [MEGABYTES] [ROUNDS]`: CPU time of alternating runs, because wall clocks
say little on a busy machine. Reading and hashing is what nobody can do without: the blob's sha256,
gzip's decompression, and the sha256 of what comes out (the diff ID).
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import statistics
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from samebit.pipeline.diff import diff_images

_CHUNK = 1 << 20
_OCI = "application/vnd.oci.image"


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:  # not in memory
        work = Path(name)
        layouts = [_write(work / side, megabytes, side) for side in "ab"]
        os.environ["SAMEBIT_HOME"] = str(work / "home")
        ratios, walls = [], []
        for _ in range(rounds):
            reading = _measured(lambda: [_read(layout) for layout in layouts])
            diff = _measured(lambda: _diff(layouts))
            ratios.append(diff[0] / reading[0])
            walls.append(diff[1] / reading[1])
            print(f"reading and hashing {reading[0]:.2f} s, diff {diff[0]:.2f} s of CPU")
        print(
            f"diff of two images of {megabytes} MB: {statistics.median(ratios):.2f} times reading"
            f" and hashing both, by CPU; {statistics.median(walls):.2f} by wall clock"
        )


def _measured(work: Callable[[], object]) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return time.process_time() - cpu, time.perf_counter() - wall


def _diff(layouts: list[Path]) -> None:
    report = diff_images(*(f"oci:{layout}" for layout in layouts))
    (image,) = report.images
    assert image.tree is not None
    assert image.tree.changed_count == 1


def _read(layout: Path) -> None:
    index = json.loads((layout / "index.json").read_bytes())
    manifest = json.loads(_blob(layout, index["manifests"][0]["digest"]).read_bytes())
    for layer in manifest["layers"]:
        inflate = zlib.decompressobj(31)
        packed, plain = hashlib.sha256(), hashlib.sha256()
        with _blob(layout, layer["digest"]).open("rb") as file:
            while data := file.read(_CHUNK):
                packed.update(data)
                plain.update(inflate.decompress(data))


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def _write(layout: Path, megabytes: int, side: str) -> Path:
    """Write an image of files like those of a distribution: programs, and many small texts."""
    (layout / "blobs" / "sha256").mkdir(parents=True)
    seeded = random.Random(1)
    library = Path(sys.executable).read_bytes()
    raw = layout / "layer.tar"
    with tarfile.open(raw, "w") as archive:
        left, number = megabytes << 20, 0
        while left > 0:
            size = min(left, seeded.choice((2_000, 8_000, 30_000, 200_000, 2_000_000)))
            at = seeded.randrange(max(1, len(library) - size))
            data = seeded.randbytes(size // 4) + library[at : at + size - size // 4]
            _add(archive, f"usr/lib/d{number // 50:03}/f{number:06}", data)
            left -= len(data)
            number += 1
        # Last in the archive: nothing can be left unread.
        _add(archive, "var/lib/stamp", f"built {side * 9} on 2026-05-04\n".encode())
    plain, packed = hashlib.sha256(), io.BytesIO()
    with (
        raw.open("rb") as source,
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6, mtime=0) as target,
    ):
        while data := source.read(_CHUNK):
            plain.update(data)
            target.write(data)
    raw.unlink()
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{plain.hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_OCI}.manifest.v1+json",
        "config": _put(layout, json.dumps(config).encode(), f"{_OCI}.config.v1+json"),
        "layers": [_put(layout, packed.getvalue(), f"{_OCI}.layer.v1.tar+gzip")],
    }
    line = _put(layout, json.dumps(manifest).encode(), f"{_OCI}.manifest.v1+json")
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [line]}))
    return layout


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


def _put(layout: Path, data: bytes, media_type: str) -> dict[str, object]:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    _blob(layout, digest).write_bytes(data)
    return {"mediaType": media_type, "digest": digest, "size": len(data)}


if __name__ == "__main__":
    main()
