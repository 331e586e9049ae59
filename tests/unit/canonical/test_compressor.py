from __future__ import annotations

import gzip
import hashlib
import io
import struct
import subprocess
import threading
import zlib
from collections.abc import Iterator

import pytest

from samebit.canonical import member, vectors
from samebit.canonical.compressor import Compressed, GzipWriter
from samebit.canonical.member import BLOCK_SIZE, compress_member
from samebit.errors import InternalError, MachineError


def text(size: int) -> bytes:
    return vectors._skewed(size, b"etaoin shrdlu")


def compress(data: bytes, threads: int = 1, step: int = 70_001) -> tuple[bytes, Compressed]:
    out: list[bytes] = []
    with GzipWriter(out.append, threads) as writer:
        for at in range(0, len(data), step):
            writer.write(data[at : at + step])
        result = writer.close()
    return b"".join(out), result


def members(data: bytes) -> Iterator[bytes]:
    while data:
        inflate = zlib.decompressobj(31)
        yield inflate.decompress(data)
        assert inflate.eof
        data = inflate.unused_data


@pytest.mark.parametrize(
    ("size", "blocks", "golden"),
    [
        (0, 1, "30e6fa98fb48c2b132824d1ac5e2243c0be9e9082ff32598d34d7687ca7f6c7f"),
        (1, 1, "90dc812ee01fe4139b3bdfc68af6f62b744c6c57abd3bc85dc69269da7321208"),
        (BLOCK_SIZE - 1, 1, "534ec703dc0a8924ad0d3bd38b415f1dd2ac9a09b52898d66bc0487311690983"),
        (BLOCK_SIZE, 1, "df5f6229b000d13d86aed6f84fb9295acffe9754cf5e5938821588f19eb89246"),
        (BLOCK_SIZE + 1, 2, "bbcf45cdcfc87ec65061d7a3c89737966e24a0c174ff9cc15961377c6ed8f186"),
        (3 * BLOCK_SIZE, 3, "9c1c70236d52bcbba85adc070fb0da2cdaa8e412fe4adc2980c5655a28e38a03"),
        (
            9 * BLOCK_SIZE + 12345,
            10,
            "1f24268071318191e0ccbcf71013315059a59afc743a112deb0b3a0fc717ce40",
        ),
    ],
)
def test_golden_bytes_for_any_number_of_threads(size: int, blocks: int, golden: str) -> None:
    data = text(size)
    for threads in (1, 2, 7):
        packed, result = compress(data, threads)
        assert hashlib.sha256(packed).hexdigest() == golden
        assert result.content_digest.hex == hashlib.sha256(data).hexdigest()
        assert result.content_size == size
    found = list(members(packed))
    assert len(found) == blocks
    assert all(len(found_block) == BLOCK_SIZE for found_block in found[:-1])
    assert gzip.decompress(packed) == data


@pytest.mark.parametrize("step", [1, 511, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1, 1 << 30])
def test_cuts_between_writes_do_not_matter(step: int) -> None:
    data = text(2 * BLOCK_SIZE + 77 if step > 1 else 5000)
    assert compress(data, step=step) == compress(data)


def test_gnu_gzip_reads_it() -> None:
    data = text(2 * BLOCK_SIZE + 5)
    done = subprocess.run(["gzip", "-dc"], input=compress(data)[0], capture_output=True, check=True)
    assert done.stdout == data


def test_header_and_trailer() -> None:
    packed = compress_member(b"samebit")
    assert packed[:10].hex() == "1f8b08000000000000ff"
    assert struct.unpack("<II", packed[-8:]) == (zlib.crc32(b"samebit"), 7)


def test_fill_reads_straight_from_a_file() -> None:
    data = text(2 * BLOCK_SIZE + 100)
    out: list[bytes] = []
    with GzipWriter(out.append, 2) as writer:
        writer.write(data[:100])
        source = io.BytesIO(data[100:])
        assert writer.fill(source.readinto, len(data) - 100) == len(data) - 100
        assert writer.fill(io.BytesIO(b"ab").readinto, 5) == 2
        assert writer.fill(io.BytesIO(b"").readinto, 0) == 0
        writer.close()
    assert b"".join(out) == compress(data + b"ab")[0]


@pytest.mark.parametrize("size", [0, 5, BLOCK_SIZE - 1, BLOCK_SIZE, BLOCK_SIZE + 1])
def test_fill_notices_more_than_it_shall_take(size: int) -> None:
    with GzipWriter(lambda _: None, 1) as writer:
        assert writer.fill(io.BytesIO(bytes(size + 1)).readinto, size) == size + 1


def test_incompressible_content_hardly_grows() -> None:
    noise = vectors._noise(BLOCK_SIZE + 1)
    packed, _ = compress(noise)
    assert gzip.decompress(packed) == noise
    assert len(packed) < len(noise) * 1.001


def test_vectors_cover_every_block_type() -> None:
    types = {compress_member(make())[10] >> 1 & 3 for make, _ in vectors.VECTORS.values()}
    assert types == {0, 1, 2}
    assert len(vectors.VECTORS["mixed"][0]()) == BLOCK_SIZE


@pytest.mark.parametrize("level", [1, 5, 7, 9])
def test_another_compressor_is_refused(monkeypatch: pytest.MonkeyPatch, level: int) -> None:
    vectors.verify_compressor.cache_clear()
    monkeypatch.setattr(member, "LEVEL", level)
    with pytest.raises(MachineError, match="other bytes") as caught:
        GzipWriter(print, 1)
    assert caught.value.fix is not None
    assert "deflate==0.9.0" in caught.value.fix


def test_a_failing_sink_stops_the_threads() -> None:
    def sink(_: bytes) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), GzipWriter(sink, 2) as writer:
        writer.write(text(20 * BLOCK_SIZE))
    assert not [
        thread for thread in threading.enumerate() if thread.name.startswith("samebit-gzip")
    ]


def test_memory_stays_bounded_behind_a_slow_sink() -> None:
    sizes: list[int] = []
    with GzipWriter(lambda data: sizes.append(len(data)), 2) as writer:
        for _ in range(50):
            writer.write(bytes(BLOCK_SIZE))
            assert len(writer._pending) <= 3
        writer.close()
        assert len(writer._spare) <= 5
    assert len(sizes) == 50


def test_closing_twice_is_our_bug() -> None:
    writer = GzipWriter(lambda _: None, 1)
    writer.close()
    with pytest.raises(InternalError):
        writer.close()
