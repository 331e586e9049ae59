from __future__ import annotations

import contextlib
import gzip
import io
import tracemalloc
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from samebit.errors import InputError
from samebit.image import decompress
from samebit.image.decompress import decompressed

SKIPPABLE = b"\x5f\x2a\x4d\x18\x03\x00\x00\x00abc"


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, 1, mtime=0)


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(data)


def unpacked(data: bytes) -> bytes:
    return b"".join(decompressed(io.BytesIO(data), "layer"))


packers = pytest.mark.parametrize("pack", [gzipped, zstd])


@given(st.lists(st.binary(max_size=2000), min_size=1, max_size=4))
def test_one_or_many_members_read_back(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert unpacked(b"".join(map(gzipped, parts))) == whole
    assert unpacked(b"".join(map(zstd, parts))) == whole
    assert unpacked(SKIPPABLE + b"".join(zstd(part) + SKIPPABLE for part in parts)) == whole


@given(st.binary(max_size=600_000).filter(lambda data: data[:2] != b"\x1f\x8b"))
def test_anything_else_is_plain(data: bytes) -> None:
    if data[:4] != b"\x28\xb5\x2f\xfd":
        with contextlib.suppress(InputError):
            assert unpacked(data) == data


@packers
def test_larger_than_any_buffer(pack: Callable[[bytes], bytes]) -> None:
    data = bytes(range(256)) * 8000
    assert unpacked(pack(data)) == data


@packers
def test_every_truncation_is_seen(pack: Callable[[bytes], bytes]) -> None:
    data = pack(b"some content " * 50)
    for end in range(4, len(data)):
        with pytest.raises(InputError, match="truncated"):
            unpacked(data[:end])


@packers
def test_damage_and_trailing_bytes_are_seen(pack: Callable[[bytes], bytes]) -> None:
    data = pack(b"some content " * 50)
    with pytest.raises(InputError, match="damaged"):
        unpacked(data + b"trailing bytes")
    with pytest.raises(InputError):
        unpacked(data[:-10] + b"\xff" * 10 + data)


def test_a_bomb_is_refused_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decompress, "_FREE_OUTPUT", 64 << 20)
    bomb = zstd(bytes(256 << 20))
    tracemalloc.start()
    with pytest.raises(InputError, match="bomb"):
        for _ in decompressed(io.BytesIO(bomb), "layer"):
            pass
    assert tracemalloc.get_traced_memory()[1] < 80 << 20
    tracemalloc.stop()
    total = 0
    for chunk in decompressed(io.BytesIO(gzipped(bytes(128 << 20))), "layer"):
        assert len(chunk) <= 1 << 18
        total += len(chunk)
    assert total == 128 << 20


def test_a_window_beyond_the_limit_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=28, enable_ldm=True)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    with pytest.raises(InputError, match="damaged"):
        unpacked(packer.compress(b"x" * 1000) + packer.flush())
