"""Known answers of the compressor: a library that gives other bytes must never be used.

Together they make libdeflate write stored, fixed and dynamic Huffman blocks, split blocks, use the
longest matches and reach the window's far end.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable

import deflate

from samebit.canonical.member import BLOCK_SIZE, WHEEL, compress_member
from samebit.errors import MachineError


def _noise(size: int) -> bytes:
    return hashlib.shake_128(b"samebit canonical form 1").digest(size)


def _skewed(size: int, alphabet: bytes) -> bytes:
    """Noise over few letters, the first ones far more often: dynamic Huffman codes win."""
    weights = bytearray()
    for index, letter in enumerate(alphabet):
        weights += bytes([letter]) * max(1, 128 >> index)
    table = bytes(weights[index % len(weights)] for index in range(256))
    return _noise(size).translate(table)


def _mixed() -> bytes:
    """Regions of different statistics and distances, exactly one block long."""
    words = _skewed(20_000, b"etaoin shrdlu")
    noise = _noise(90_000)
    parts = [words, noise, bytes(100_000), words, noise[:32_768], noise[:32_768]]
    parts.append(bytes(range(256)) * 400)
    parts.append(b"".join(b"%d," % number for number in range(60_000)))
    data = b"".join(parts)
    return data + _skewed(BLOCK_SIZE - len(data), b"\x7fELF\0\x01\x48\x8b\x89")


# What goes in, and the sha256 of the gzip member that must come out.
VECTORS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "30e6fa98fb48c2b132824d1ac5e2243c0be9e9082ff32598d34d7687ca7f6c7f"),
    "one byte": (lambda: b"s", "5e860073939c6fd43b3f10a879273c0b6e8271142749a94d5fd3cd8312ec9bc4"),
    "fixed": (
        lambda: b"samebit " * 20,
        "ef4d30f087df4520b9f2a42c1d7a85950c496be054beccc7c555c7de4833b088",
    ),
    "dynamic": (
        lambda: _skewed(50_000, b"etaoin shrdlu"),
        "5da9956c278aaa0c8c9dc26ea91dc9f627eb5981a1290c2ac4eb27c273aad90b",
    ),
    "stored": (
        lambda: _noise(200_000),
        "824336ba5e34cdbebb453eddbccec4b71c32c296cf8688fc820cdebcaee3e917",
    ),
    "zeros": (
        lambda: bytes(BLOCK_SIZE),
        "d9b4df95db0f3a4333def68344722574086b3be47ea6483b82d688b7d595fc36",
    ),
    "mixed": (_mixed, "73fca96a308df49a12bd52a278ca27688d2cc1f1aa2a43cf1205ff340c629292"),
}


@functools.cache
def verify_compressor() -> None:
    """Compress every vector, once per process. Raises MachineError on the first wrong answer."""
    for name, (make, expected) in VECTORS.items():
        if hashlib.sha256(compress_member(make())).hexdigest() != expected:
            raise MachineError(
                f"the compressor gives other bytes than canonical form 1 (vector {name!r}, "
                f"deflate {deflate.__version__})",
                fix=f"install exactly the published wheel of {WHEEL}, not a build of your own",
            )
