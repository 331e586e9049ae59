"""Two small images that differ in what real ones differ in, always by the same bytes."""

from __future__ import annotations

import gzip
import random
from pathlib import Path

from step_builds import Item, directory, write_image


def differing_images(folder: Path) -> tuple[Path, Path]:
    """Write both below `folder`, as OCI layouts."""
    return write_image(folder / "a", _items(0)), write_image(folder / "b", _items(1))


def _items(side: int) -> dict[str, Item]:
    """Give what one of two builds left, a day and an hour apart."""
    seeded = random.Random(side)
    moment = ("2026-05-04 10:00:07", "2026-05-05 11:00:31")[side]
    names = [f"plugins/part-{number}.conf" for number in range(12)]
    seeded.shuffle(names)
    label, key = "PRIVATE KEY-----", seeded.randbytes(48).hex()
    table = "\n".join(f"{name} {seeded.randrange(10**6)}" for name in ("rows", "pages", "bytes"))
    texts = {
        "etc/build-info": f"version 1.4.2\nbuilt {moment} UTC\nchannel stable\n",
        "etc/machine.conf": f"hostname = {('runner-7f3a', 'runner-c01d')[side]}\nworkers = 8\n",
        "etc/plugins.list": "\n".join(names) + "\n",
        "etc/ssl/private/app.key": f"-----BEGIN {label}\n{key}\n-----END {label}\n",
        "srv/instance.yml": f"instance: {seeded.randbytes(4).hex()}-1d2c-4b7e-9f00-"
        f"{seeded.randbytes(6).hex()}\n",
        "srv/state/statistics": table + "\n",
        "srv/app/settings.py": f"SECRET = '{seeded.randbytes(20).hex()}'\nDEBUG = False\n",
        f"srv/cache/tmp.{('a8Fz2kQ1Lp', 'Zk29sLq0Qw')[side]}": "cached\n",
    }
    items = {path: Item(content=text.encode()) for path, text in texts.items()}
    items["srv/share/words.gz"] = Item(
        content=gzip.compress(b"words " * 40, mtime=(1777888807, 1777978831)[side])
    )
    items["usr/bin/tool"] = Item(mode=(0o755, 0o750)[side], content=b"#!/bin/sh\nexec true\n")
    folders = {
        "/".join(path.split("/")[:depth])
        for path in items
        for depth in range(1, path.count("/") + 1)
    }
    return {path: directory() for path in sorted(folders)} | items
