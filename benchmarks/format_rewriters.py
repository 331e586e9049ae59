# ruff: noqa: D103, INP001, T201, S311 - a script that prints; its noise is no secret
"""Measure the format rewriters: `python benchmarks/format_rewriters.py [MEGABYTES]`.

In megabytes of the file a second of one processor: how fast files with noise are rewritten, how
fast files without it are seen to need nothing, and what reading and hashing costs anyway.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import py_compile
import random
import struct
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from samebit.image.entry import Entry, Kind
from samebit.normalisers.protocol import Facts, Normaliser
from samebit.normalisers.registry import all_normalisers

EPOCH = 315619200
MORNING = (2026, 11, 25, 8, 0, 0)


def content(megabytes: int) -> bytes:
    """Bytes that compress about as much as programs do."""
    noise = random.Random(7)
    words = [noise.randbytes(12) for _ in range(3000)]
    return b"".join(noise.choices(words, k=(megabytes << 20) // 12))


def make_zip(data: bytes, member: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for at in range(len(data), 0, -member):
            info = zipfile.ZipInfo(f"d/{at:012}.class", MORNING)
            archive.writestr(info, data[max(0, at - member) : at], zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def make_tar(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for at in range(0, len(data), 20_000):
            info = tarfile.TarInfo(f"d/{at}")
            info.mtime = 1_700_000_000.5  # type: ignore[assignment]
            info.size = min(20_000, len(data) - at)
            archive.addfile(info, io.BytesIO(data[at : at + info.size]))
    return buffer.getvalue()


def make_ar(data: bytes) -> bytes:
    parts = [b"!<arch>\n"]
    for at in range(0, len(data), 20_000):
        part = data[at : at + 20_000]
        parts.append(b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (b"a.o/", 17, 1, 1, 0o644, len(part)))
        parts.append(part + b"\n" * (len(part) % 2))
    return b"".join(parts)


def make_png(data: bytes) -> bytes:
    def chunk(kind: bytes, part: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + part))
        return struct.pack(">I", len(part)) + kind + part + check

    pixels = b"".join(chunk(b"IDAT", data[at : at + 65536]) for at in range(0, len(data), 65536))
    time_chunk = chunk(b"tIME", bytes(7))
    return b"\x89PNG\r\n\x1a\n" + time_chunk + pixels + chunk(b"IEND", b"")


def make_bytecode() -> list[bytes]:
    folder = os.path.dirname(os.__file__)
    sources = [Path(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".py")]
    found = []
    with tempfile.TemporaryDirectory() as target:
        for source in sources[:120]:
            compiled = py_compile.compile(str(source), f"{target}/m.pyc", doraise=True)
            found.append(Path(str(compiled)).read_bytes())
    return found


def samples(megabytes: int) -> dict[str, tuple[str, bytes, list[bytes]]]:
    data = content(megabytes)
    return {
        "zip, 20 kB members": ("formats/zip", b"a.zip", [make_zip(data, 20_000)]),
        "zip, 1 MB members": ("formats/zip", b"a.zip", [make_zip(data, 1 << 20)]),
        "tar": ("formats/tar", b"a.tar", [make_tar(data)]),
        "tar.gz": ("formats/gzip", b"a.tgz", [gzip.compress(make_tar(data[: 32 << 20]), 1)]),
        "gzip": ("formats/gzip", b"a.gz", [gzip.compress(data, 1)]),
        "ar": ("formats/ar", b"a.a", [make_ar(data)]),
        "png": ("formats/png", b"a.png", [make_png(data)]),
        "bytecode": ("python/bytecode", b"__pycache__/m.cpython-311.pyc", make_bytecode()),
    }


def fastest(action: Callable[[], object], runs: int = 3) -> float:
    best = float("inf")
    for _ in range(runs):
        # Everything runs on one thread; the processor's time is the same on a busy machine.
        start = time.process_time()
        action()
        best = min(best, time.process_time() - start)
    return best


def rewrite(normaliser: Normaliser, path: bytes, files: list[bytes]) -> list[bytes]:
    assert normaliser.rewrite is not None
    results = []
    for data in files:
        written: list[bytes] = []
        facts = Facts(EPOCH, Entry(path, Kind.FILE, 0o644, size=len(data)))
        changed = normaliser.rewrite(io.BytesIO(data), len(data), written.append, facts)
        results.append(b"".join(written) if changed else data)
    return results


def read_and_hash(files: list[bytes]) -> None:
    for data in files:
        source = io.BytesIO(data)
        digest = hashlib.sha256()
        while piece := source.read(1 << 20):
            digest.update(piece)


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 48
    known = {normaliser.name: normaliser for normaliser in all_normalisers()}
    print(f"{'format':20} {'MB':>6} {'rewrite':>9} {'nothing to do':>14} {'hash':>9}   MB/s")
    for label, (name, path, files) in samples(megabytes).items():
        normaliser = known[name]
        size = sum(map(len, files)) / 1e6
        normal = rewrite(normaliser, path, files)
        assert normal != files
        assert rewrite(normaliser, path, normal) == normal
        speeds = [
            size
            / fastest(lambda files=files, one=normaliser, path=path: rewrite(one, path, files)),
            size
            / fastest(lambda files=normal, one=normaliser, path=path: rewrite(one, path, files)),
            size / fastest(lambda files=files: read_and_hash(files)),
        ]
        print(f"{label:20} {size:6.1f} {speeds[0]:9.0f} {speeds[1]:14.0f} {speeds[2]:9.0f}")


if __name__ == "__main__":
    main()
