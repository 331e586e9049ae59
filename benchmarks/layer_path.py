# ruff: noqa: D103, INP001, T201 - a script that prints
"""From two trees to a layer: `python benchmarks/layer_path.py [MEGABYTES FILES [RUNS]]`.

Reading, differencing and writing against the compressor alone on the same bytes and threads, the
two alternating; then how time and memory grow with the number of files. The CPU ratio is what a
busy machine can tell: on as many cores as there are threads it is what the wall ratio tends to.
"""

from __future__ import annotations

import gzip
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from samebit.canonical.member import BLOCK_SIZE, compress_member
from samebit.canonical.vectors import verify_compressor
from samebit.image.delta import make_delta
from samebit.image.layer_writer import Layer, write_layer
from samebit.image.layered_tree import LayeredTree
from samebit.image.tree import compare
from samebit.image.tree_content import TreeContent
from samebit.image.tree_index import TreeIndex
from samebit.model.rendering import Rendering
from samebit.store.store import Store

GROWTH = (1_000, 10_000, 50_000, 200_000)


def make_tree(root: Path, size: int, files: int) -> None:
    """Make `files` files of `size` bytes each out of programs, which compress as programs do."""
    source = Path(sys.executable).read_bytes()
    source *= 2 + size // len(source)
    for index in range(files):
        folder = root / f"d{index // 1000:03}"
        if index % 1000 == 0:
            folder.mkdir(parents=True)
        at = index * 9973 % (len(source) - size)
        (folder / f"f{index:06}").write_bytes(source[at : at + size])


def layer_of(tree: Path, store: Store, threads: int) -> Layer:
    descriptor = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # As an engine hands it over.
        root = b"/proc/self/fd/%d/." % descriptor
        nothing = TreeIndex.of(LayeredTree())
        tree_difference = compare(None, Rendering(root, overlay=False))
        delta = make_delta(tree_difference, nothing, breaks_links=True)
        with TreeContent(root) as content:
            return write_layer(delta.entries, content.open, 0, store, threads)
    finally:
        os.close(descriptor)


def compress(data: bytes, threads: int) -> None:
    view = memoryview(data)
    blocks = [view[at : at + BLOCK_SIZE] for at in range(0, len(data), BLOCK_SIZE)]
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(compress_member, blocks):
            pass


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Give seconds of wall clock and of CPU."""
    begin, cpu = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - begin, time.process_time() - cpu


def against_the_compressor(megabytes: int, files: int, runs: int) -> None:
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        tree, store = Path(name) / "tree", Store(Path(name) / "store")
        make_tree(tree, (megabytes << 20) // files, files)
        made = layer_of(tree, store, 2)
        data = gzip.decompress(store.path(made.descriptor.digest).read_bytes())
        for threads in (1, 2):
            walls, cpus = [], []
            for _ in range(runs):
                alone = timed(lambda threads=threads: compress(data, threads))
                whole = timed(lambda threads=threads: layer_of(tree, store, threads))
                walls.append(alone[0] / whole[0])
                cpus.append(alone[1] / whole[1])
            print(
                f"{megabytes} MB in {files} files, {threads} threads:"
                f" wall ratio {statistics.median(walls):.2f}, CPU ratio"
                f" {statistics.median(cpus):.2f} of the compressor alone"
            )


def growth(files: int) -> None:
    """Make a layer of tiny files in a process of its own, whose memory tells."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        tree, store = Path(name) / "tree", Store(Path(name) / "store")
        make_tree(tree, 256, files)
        _, cpu = timed(lambda: layer_of(tree, store, 2))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"{files} files: {cpu * 1e6 / files:.0f} us of CPU each, {peak} MiB at most")


def main() -> None:
    verify_compressor()
    arguments = [int(argument) for argument in sys.argv[1:]]
    if arguments[:1] == [0]:
        growth(arguments[1])
        return
    megabytes, files, runs = (*arguments, *(500, 30_000, 3)[len(arguments) :])
    # First: a program starts with its starter's peak of memory.
    for number in GROWTH:
        subprocess.run([sys.executable, __file__, "0", str(number)], check=True)
    against_the_compressor(megabytes, files, runs)


if __name__ == "__main__":
    main()
