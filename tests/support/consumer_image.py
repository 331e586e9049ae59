"""An image whose one canonical layer has many gzip members, with files across their borders."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from samebit_command import Samebit
from sample_images import Member, busybox_layer, write_layout

NAME = "example.org/consumer:1"


@dataclass(frozen=True)
class ConsumerImage:
    """`work` holds image.tar, layout, layer.gz and busybox.static; `files` is path to sha256."""

    work: Path
    files: dict[str, str]

    @property
    def layer(self) -> Path:
        return self.work / "layer.gz"


def consumer_image(samebit: Samebit, work: Path) -> ConsumerImage:
    """Make the image by `samebit normalise`."""
    members = [
        *busybox_layer(),
        *(Member(f"big/{n}", text(1_500_000 + 7777 * n)) for n in range(5)),
    ]
    members.append(Member("big/noise", hashlib.shake_128(b"noise").digest(3_300_000)))
    members.append(Member("big/zeros", bytes(4_000_000)))
    write_layout(work / "made", [members])
    for place in (f"oci-archive:{work}/image.tar:{NAME}", f"oci:{work}/layout:1"):
        done = samebit.run("normalise", "-q", f"oci:{work}/made:1", place)
        assert done.returncode == 0, done.stderr
    shutil.copy(blob(work, manifest(work)["layers"][0]["digest"]), work / "layer.gz")
    busybox = shutil.which("busybox")
    assert busybox
    shutil.copy(busybox, work / "busybox.static")
    files = {
        member.name: hashlib.sha256(member.content).hexdigest()
        for member in members
        if member.content is not None
    }
    return ConsumerImage(work, files)


def text(size: int) -> bytes:
    """Some text that compresses a little."""
    line = hashlib.sha256(b"%d" % size)
    parts = []
    for _ in range(size // 195 + 1):
        line.update(b"next")
        parts.append(line.hexdigest().encode() * 3 + b"\n!!")
    return b"".join(parts)[:size]


def manifest(work: Path) -> dict[str, list[dict[str, str]]]:
    index = json.loads((work / "layout" / "index.json").read_bytes())
    found = json.loads(blob(work, index["manifests"][0]["digest"]).read_bytes())
    assert isinstance(found, dict)
    return found


def blob(work: Path, digest: str) -> Path:
    return work / "layout" / "blobs" / digest.replace(":", "/")
