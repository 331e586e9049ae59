# ruff: noqa: D103, INP001, T201, B023 - a script that prints; its lambdas run at once
"""Measure the layer writer: `python benchmarks/layer_writer.py [MEGABYTES] [FILES]`.

Prints, for each number of threads: the compressor alone on the same bytes, the whole writer, and
the writer with a compressor that costs nothing (the tar, hash and store part).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from samebit.canonical import compressor
from samebit.canonical.member import compress_member
from samebit.canonical.vectors import verify_compressor
from samebit.image.entry import Entry, Kind
from samebit.image.layer_writer import Layer, write_layer
from samebit.store.store import Store


@contextmanager
def free_compressor() -> Iterator[None]:
    vars(compressor)["compress_member"] = lambda block: bytes(block[:16])
    try:
        yield
    finally:
        vars(compressor)["compress_member"] = compress_member


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def make_tree(root: Path, megabytes: int, files: int) -> list[Entry]:
    source = b"".join(
        Path(name).read_bytes() for name in (sys.executable, os.__file__) if Path(name).is_file()
    )
    source = source * (1 + (32 << 20) // len(source))
    size = (megabytes << 20) // files
    entries = []
    for index in range(files):
        directory = b"d%03d" % (index // 1000)
        if index % 1000 == 0:
            entries.append(Entry(directory, Kind.DIRECTORY, 0o755))
            (root / os.fsdecode(directory)).mkdir()
        path = directory + b"/f%06d" % index
        with open(root / os.fsdecode(path), "wb") as file:
            at, left = index * 997 % (1 << 20), size
            while left:
                left -= file.write(source[at : at + min(left, 1 << 20)])
                at = (at + (1 << 20)) % (len(source) - (1 << 20))
        entries.append(Entry(path, Kind.FILE, 0o644, size=size))
    return sorted(entries, key=lambda entry: entry.path)


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 256
    files = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    verify_compressor()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        store = Store(root / "store")
        (root / "tree").mkdir()
        entries = make_tree(root / "tree", megabytes, files)
        base = os.fsencode(root / "tree")

        def write(threads: int) -> Layer:
            return write_layer(
                entries,
                lambda entry: open(base + b"/" + entry.path, "rb", buffering=0),
                0,
                store,
                threads,
            )

        with free_compressor():
            size = write(1).size
        content = bytearray()
        for entry in entries:
            if entry.kind is Kind.FILE:
                content += (root / "tree" / os.fsdecode(entry.path)).read_bytes()

        def compress_alone(threads: int) -> None:
            with compressor.GzipWriter(lambda _: None, threads) as writer:
                writer.write(content)
                writer.close()

        for threads in (1, 2):
            with free_compressor():
                bare = timed(lambda: write(threads))
            alone = timed(lambda: compress_alone(threads))
            whole = timed(lambda: write(threads))
            print(
                f"{threads} threads, {files} files: compressor alone {size / alone / 1e6:.0f} MB/s,"
                f" writer {size / whole / 1e6:.0f} MB/s (ratio {alone / whole:.2f}),"
                f" tar+hash+store {size / bare / 1e6:.0f} MB/s in {bare:.2f} s"
            )


if __name__ == "__main__":
    main()
