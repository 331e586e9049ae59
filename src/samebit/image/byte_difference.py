"""Where two streams of bytes first differ, and how much, in one pass and constant memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from samebit.model.image_difference import ByteDifference

Read: TypeAlias = Callable[[int], bytes]
"""Gives at most so many bytes, none only at the end."""

_CHUNK = 1 << 18
_LINE = 16
_WINDOW = 32


def compare_bytes(read_a: Read, read_b: Read) -> ByteDifference | None:
    """Read both to their ends; None when they are the same."""
    first: int | None = None
    start = position = size_a = size_b = count = 0
    window_a = window_b = b""
    while True:
        a, b = _exactly(read_a), _exactly(read_b)
        size_a += len(a)
        size_b += len(b)
        if first is None and a != b:
            # Both are the same up to here, so a whole number of chunks was read.
            first = position + _first(a, b)
            start = first - first % _LINE
            window_a, window_b = (data[start - position :][:_WINDOW] for data in (a, b))
        elif first is not None:
            window_a += a[: max(0, start + _WINDOW - position)]
            window_b += b[: max(0, start + _WINDOW - position)]
        if first is not None:
            count += _count(a, b)
        position += _CHUNK
        if not a and not b:
            break
    if first is None:
        return None
    return ByteDifference(size_a, size_b, first, count, start, window_a, window_b)


def _exactly(read: Read) -> bytes:
    parts = []
    left = _CHUNK
    while left and (part := read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _first(a: bytes, b: bytes) -> int:
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _count(a: bytes, b: bytes) -> int:
    size = min(len(a), len(b))
    if a[:size] == b[:size]:
        return 0
    # As one large number each: a loop over bytes would be a hundred times slower.
    differing = int.from_bytes(a[:size], "big") ^ int.from_bytes(b[:size], "big")
    return size - differing.to_bytes(size, "big").count(0)
