# ruff: noqa: D103, INP001, T201 - a script that prints
"""Measure reading a base image: `python benchmarks/base_index.py [FILES] [KIB_EACH]`."""

from __future__ import annotations

import io
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

from samebit.image.base_index import index_base
from samebit.image.entry import Entry, Kind
from samebit.image.layer_reader import open_layer
from samebit.image.layer_writer import write_layer
from samebit.store.store import Store


def main() -> None:
    files = int(sys.argv[1]) if len(sys.argv) > 1 else 25_000
    size = (int(sys.argv[2]) if len(sys.argv) > 2 else 4) << 10
    source = Path(sys.executable).read_bytes()
    entries = []
    for number in range(files):
        directory = b"usr/share/d%04d" % (number // 20)
        if number % 20 == 0:
            entries.append(Entry(directory, Kind.DIRECTORY, 0o755))
        entries.append(Entry(directory + b"/f%06d.txt" % number, Kind.FILE, 0o644, size=size))
    entries += [Entry(b"usr", Kind.DIRECTORY, 0o755), Entry(b"usr/share", Kind.DIRECTORY, 0o755)]
    entries.sort(key=lambda entry: entry.path)

    def content(entry: Entry) -> io.BytesIO:
        at = hash(entry.path) % (len(source) - size)
        return io.BytesIO(source[at : at + size])

    with tempfile.TemporaryDirectory() as name:
        store = Store(Path(name))
        layer = write_layer(entries, content, 0, store, os.cpu_count() or 1)
        megabytes = layer.size / 1e6
        start = time.perf_counter()
        with store.open(layer.descriptor.digest) as stream:
            count = sum(1 for _ in open_layer(stream, layer.descriptor.media_type, what="layer"))
        seconds = time.perf_counter() - start
        print(f"read {count} entries, {megabytes:.0f} MB: {seconds:.2f} s")
        for what in ("indexed", "loaded"):
            start = time.perf_counter()
            index = index_base(store, [layer.descriptor], [layer.diff_id])
            seconds = time.perf_counter() - start
            print(f"{what} {len(index.entries)} entries: {seconds:.3f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory {peak / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
