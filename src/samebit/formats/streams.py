"""Reading exactly, copying in pieces, and replacing a few bytes of a file in place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import BinaryIO, TypeAlias

PIECE = 1 << 20
"""How many bytes are copied at once."""

Sink: TypeAlias = Callable[[bytes], object]


class MalformedError(Exception):
    """The bytes are not what the format says, or of a kind that is not understood: leave them."""


class KeepError(Exception):
    """The file is understood and must not be changed, for the reason given: it is signed, say."""


def exactly(source: BinaryIO, count: int) -> bytes:
    """Read `count` bytes. Raises MalformedError when the source ends before."""
    data = source.read(count)
    if len(data) != count:
        raise MalformedError("truncated")
    return data


def at(source: BinaryIO, offset: int, count: int) -> bytes:
    """Read `count` bytes at `offset`. Raises MalformedError when they are not all there."""
    source.seek(offset)
    return exactly(source, count)


def pieces(source: BinaryIO, count: int) -> Iterator[bytes]:
    """Give the next `count` bytes in pieces. Raises MalformedError when the source ends before."""
    while count:
        data = source.read(min(count, PIECE))
        if not data:
            raise MalformedError("truncated")
        count -= len(data)
        yield data


def copy(source: BinaryIO, count: int, sink: Sink) -> None:
    """Pass the next `count` bytes on. Raises MalformedError when the source ends before."""
    for data in pieces(source, count):
        sink(data)


def patched(source: BinaryIO, size: int, patches: Iterable[tuple[int, bytes]], sink: Sink) -> bool:
    """Write `source` to `sink` with each patch's bytes in place of those at its offset.

    Patches are in order. Gives False, and writes nothing, if none of them changes anything. Raises
    MalformedError, having written nothing, for patches that overlap: a file says where they are.
    """
    real = [
        (offset, data) for offset, data in patches if data and at(source, offset, len(data)) != data
    ]
    if not real:
        return False
    if any(a + len(data) > b for (a, data), (b, _) in pairwise(real)):
        raise MalformedError("one part lies inside another")
    source.seek(0)
    done = 0
    for offset, data in real:
        copy(source, offset - done, sink)
        sink(data)
        done = offset + len(data)
        source.seek(done)
    copy(source, size - done, sink)
    return True
