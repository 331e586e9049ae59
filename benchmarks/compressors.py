# ruff: noqa: D103, INP001, T201 - a script that prints
"""Weigh the candidates of decision 0001: `python benchmarks/compressors.py ARCHIVE`."""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import deflate

Compress = Callable[[memoryview], int]


def libdeflate(level: int) -> Compress:
    return lambda block: len(deflate.deflate_compress(block, level)) + 18


def classic(level: int) -> Compress:
    def compress(block: memoryview) -> int:
        packer = zlib.compressobj(level, zlib.DEFLATED, 31)
        return len(packer.compress(block)) + len(packer.flush())

    return compress


def main() -> None:
    data = memoryview(Path(sys.argv[1]).read_bytes())
    candidates = {f"libdeflate {level}": libdeflate(level) for level in (1, 4, 6, 9, 12)}
    candidates |= {f"zlib {level}": classic(level) for level in (1, 6)}
    print(f"{len(data) / 1e6:.1f} MB, one thread")
    for name, compress in candidates.items():
        for size in (256 << 10, 1 << 20, 4 << 20, len(data)):
            if size != 1 << 20 and not name.endswith(" 6"):
                continue
            start = time.perf_counter()
            packed = sum(compress(data[at : at + size]) for at in range(0, len(data), size))
            seconds = time.perf_counter() - start
            blocks = "one member" if size == len(data) else f"{size >> 10} KiB blocks"
            print(
                f"{name}, {blocks}: {packed:,} bytes, {len(data) / seconds / 1e6:.0f} MB/s",
                flush=True,
            )


if __name__ == "__main__":
    main()
