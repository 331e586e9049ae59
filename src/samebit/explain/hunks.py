"""The places in which two contents differ, aligned where bytes were added or removed.

Equal sizes are compared place by place. Otherwise what both begin and end with is set aside, and
the rest is aligned by blocks that stand exactly once in each (the idea of patience diff, with
blocks of bytes in the place of lines).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from samebit.explain.content import Content

_CHUNK = 1 << 18
# Differing bytes with fewer equal ones between them are one place: a number's digits, say.
_GAP = 6
_RUN = re.compile(rb"[^\0]+(?:\0{1,%d}[^\0]+)*" % _GAP)
_BLOCK = 24
# Aligning needs the differing middle in memory, a dictionary entry for each of its blocks.
_MOST_ALIGNED = 4 << 20
MOST_HUNKS = 2000


@dataclass(frozen=True, slots=True)
class Hunk:
    """Bytes `start_a` to `end_a` of one content that differ from `start_b` to `end_b` of the other.

    One of the ranges may be empty.
    """

    start_a: int
    end_a: int
    start_b: int
    end_b: int


@dataclass(frozen=True, slots=True)
class Hunks:
    """The first MOST_HUNKS places in order; `complete` says whether that is all of them.

    `aligned` is False where too much differs to say which byte corresponds to which.
    """

    places: tuple[Hunk, ...]
    complete: bool
    aligned: bool


def find_hunks(a: Content, b: Content) -> Hunks:
    """Compare two contents, in memory bounded whatever their size. Raises OSError."""
    if a.size == b.size:
        places: list[Hunk] = []
        for start, end in _differing(a, b):
            places.append(Hunk(start, end, start, end))
            if len(places) > MOST_HUNKS:
                return Hunks(tuple(places[:MOST_HUNKS]), complete=False, aligned=True)
        if not _is_dense(places, a.size):
            return Hunks(tuple(places), complete=True, aligned=True)
    return _aligned(a, b)


def _differing(a: Content, b: Content) -> Iterator[tuple[int, int]]:
    """Give every place at which two contents of one size differ, as start and end."""
    start = end = -1
    for offset in range(0, a.size, _CHUNK):
        left, right = a.read(offset, _CHUNK), b.read(offset, _CHUNK)
        if left == right:
            continue
        # As one large number each: a loop over bytes would be a hundred times slower.
        differing = int.from_bytes(left, "big") ^ int.from_bytes(right, "big")
        for run in _RUN.finditer(differing.to_bytes(len(left), "big")):
            if start >= 0 and offset + run.start() - end > _GAP:
                yield start, end
                start = -1
            if start < 0:
                start = offset + run.start()
            end = offset + run.end()
    if start >= 0:
        yield start, end


def _is_dense(places: list[Hunk], size: int) -> bool:
    """Tell whether so much differs that something was probably inserted and something removed."""
    differing = sum(hunk.end_a - hunk.start_a for hunk in places)
    return differing > 256 and differing * 4 > size - places[0].start_a


def _aligned(a: Content, b: Content) -> Hunks:
    start = _common_start(a, b)
    end = _common_end(a, b, start)
    end_a, end_b = a.size - end, b.size - end
    if max(end_a, end_b) - start > _MOST_ALIGNED:
        return Hunks((Hunk(start, end_a, start, end_b),), complete=True, aligned=False)
    left, right = a.read(start, end_a - start), b.read(start, end_b - start)
    places = list(_between_anchors(left, right))
    if not places:
        places = [Hunk(0, len(left), 0, len(right))]
    moved = [
        Hunk(h.start_a + start, h.end_a + start, h.start_b + start, h.end_b + start) for h in places
    ]
    return Hunks(tuple(moved[:MOST_HUNKS]), complete=len(moved) <= MOST_HUNKS, aligned=True)


def _common_start(a: Content, b: Content) -> int:
    offset = 0
    while True:
        left, right = a.read(offset, _CHUNK), b.read(offset, _CHUNK)
        if left == right and left:
            offset += len(left)
            continue
        size = min(len(left), len(right))
        return offset + next((n for n in range(size) if left[n] != right[n]), size)


def _common_end(a: Content, b: Content, start: int) -> int:
    """Give how many bytes both end with, not reaching into what they begin with."""
    most = min(a.size, b.size) - start
    done = 0
    while done < most:
        step = min(_CHUNK, most - done)
        left = a.read(a.size - done - step, step)
        right = b.read(b.size - done - step, step)
        if left != right:
            for back in range(1, step + 1):
                if left[-back] != right[-back]:
                    return done + back - 1
        done += step
    return most


def _between_anchors(left: bytes, right: bytes) -> Iterator[Hunk]:
    position_a = position_b = 0
    for start_a, start_b in _anchors(left, right):
        if start_a < position_a or start_b < position_b:
            # An earlier anchor grew over this one.
            continue
        back = 0
        while (
            start_a - back > position_a
            and start_b - back > position_b
            and left[start_a - back - 1] == right[start_b - back - 1]
        ):
            back += 1
        if start_a - back > position_a or start_b - back > position_b:
            yield Hunk(position_a, start_a - back, position_b, start_b - back)
        size = _same_length(left, start_a, right, start_b)
        position_a, position_b = start_a + size, start_b + size
    if position_a < len(left) or position_b < len(right):
        yield Hunk(position_a, len(left), position_b, len(right))


def _same_length(left: bytes, start_a: int, right: bytes, start_b: int) -> int:
    most = min(len(left) - start_a, len(right) - start_b)
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if left[start_a : start_a + middle] == right[start_b : start_b + middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _anchors(left: bytes, right: bytes) -> list[tuple[int, int]]:
    """Find blocks that stand once in each, in an order that both sides agree on."""
    blocks: dict[bytes, int] = {}
    repeated: set[bytes] = set()
    for offset in range(0, len(left) - _BLOCK + 1, _BLOCK):
        block = left[offset : offset + _BLOCK]
        if block in blocks:
            repeated.add(block)
        blocks[block] = offset
    found: dict[bytes, int] = {}
    for offset in range(len(right) - _BLOCK + 1):
        block = right[offset : offset + _BLOCK]
        if block in blocks and block not in repeated:
            if block in found:
                repeated.add(block)
            found[block] = offset
    pairs = sorted((blocks[block], at) for block, at in found.items() if block not in repeated)
    return _longest_rising(pairs)


def _longest_rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Give the longest run of pairs in which the second numbers rise as well."""
    ends: list[int] = []
    tops: list[int] = []
    before: list[int] = []
    for index, (_, at) in enumerate(pairs):
        place = bisect_left(ends, at)
        before.append(tops[place - 1] if place else -1)
        if place == len(ends):
            ends.append(at)
            tops.append(index)
        else:
            ends[place] = at
            tops[place] = index
    chosen: list[tuple[int, int]] = []
    index = tops[-1] if tops else -1
    while index >= 0:
        chosen.append(pairs[index])
        index = before[index]
    return chosen[::-1]
