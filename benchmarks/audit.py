# ruff: noqa: D103, INP001, T201 - a script that prints
"""Measure an audit against hashing the same files: `python benchmarks/audit.py [FILES] [RUNS]`.

The files are this machine's own, as an image of Debian has them: programs, libraries, jars, Python
and documentation. An image is compared with `sha256` of its layer and of every file in it (what
samebit does for a base image), a folder with `sha256` of every file; runs alternate.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import resource
import statistics
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from samebit.image.layer_reader import open_layer
from samebit.model.audit import Policy
from samebit.model.digest import Digest
from samebit.pipeline.audit import AuditRequest, audit

_ROOTS = ("/usr/bin", "/usr/lib/x86_64-linux-gnu", "/usr/lib/python3", "/usr/share", "/usr/lib")
_LAYER = "application/vnd.oci.image.layer.v1.tar"
# One compiler would outweigh everything else.
_LARGEST = 3_000_000


def files(wanted: int) -> Iterator[Path]:
    seen: set[Path] = set()
    for root in _ROOTS:
        for folder, names, here in os.walk(root):
            names.sort()
            for name in sorted(here):
                path = Path(folder, name)
                if path in seen or path.is_symlink() or not path.is_file():
                    continue
                if path.stat().st_size > _LARGEST:
                    continue
                if len(seen) >= wanted:
                    return
                seen.add(path)
                yield path


def layout(folder: Path, chosen: list[Path]) -> tuple[str, Path]:
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    layer = folder / "layer"
    with tarfile.open(layer, "w", format=tarfile.GNU_FORMAT) as archive:
        for path in chosen:
            archive.add(path, str(path).lstrip("/"), recursive=False)
    with layer.open("rb") as stream:
        diff_id = hashlib.file_digest(stream, "sha256").hexdigest()
    size = layer.stat().st_size
    layer.rename(blobs / diff_id)

    def add(document: dict[str, object], kind: str) -> dict[str, object]:
        data = json.dumps(document).encode()
        digest = hashlib.sha256(data).hexdigest()
        (blobs / digest).write_bytes(data)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(data)}

    rootfs = {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]}
    described = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": rootfs}
    config = add(described, "application/vnd.oci.image.config.v1+json")
    manifest = add(
        {
            "schemaVersion": 2,
            "config": config,
            "layers": [{"mediaType": _LAYER, "digest": f"sha256:{diff_id}", "size": size}],
        },
        "application/vnd.oci.image.manifest.v1+json",
    )
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    return diff_id, blobs / diff_id


def hash_layer(layer: Path, diff_id: str) -> None:
    with layer.open("rb") as stream:
        for member in open_layer(stream, _LAYER, what="layer", diff_id=Digest(diff_id)):
            hasher = hashlib.sha256()
            while data := member.content.read(1 << 20):
                hasher.update(data)


def hash_folder(folder: Path) -> None:
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if not os.path.islink(path):
                with open(path, "rb") as stream:
                    hashlib.file_digest(stream, "sha256")


def compared(
    what: str, runs: int, hashing: Callable[[], object], auditing: Callable[[], object]
) -> None:
    times: dict[str, list[float]] = {"hash": [], "audit": []}
    for _ in range(runs):
        for name, action in (("hash", hashing), ("audit", auditing)):
            start = time.process_time()
            action()
            times[name].append(time.process_time() - start)
    hashed, audited = (statistics.median(times[name]) for name in ("hash", "audit"))
    print(
        f"{what}: hashed in {hashed:.2f} s, audited in {audited:.2f} s of CPU time:"
        f" {audited / hashed:.2f} times"
    )


def main() -> None:
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000
    runs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        image, tree = Path(name, "image"), Path(name, "tree")
        chosen = list(files(wanted))
        diff_id, layer = layout(image, chosen)
        with tarfile.open(layer) as archive:
            archive.extractall(tree)  # noqa: S202 - made above
        megabytes = layer.stat().st_size / 1e6
        report = audit(AuditRequest(f"oci:{image}", Policy.SEALED))
        print(f"{report.entries} files, {megabytes:.0f} MB, {len(report.files)} executables")
        target = AuditRequest(f"oci:{image}")
        compared("image", runs, lambda: hash_layer(layer, diff_id), lambda: audit(target))
        compared("folder", runs, lambda: hash_folder(tree), lambda: audit(AuditRequest(str(tree))))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {peak / 1024:.0f} MiB")


if __name__ == "__main__":
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, line_buffering=True)
    main()
