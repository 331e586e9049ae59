"""Maps of GNU sparse files: the old header form and pax forms 0.0, 0.1 and 1.0.

GNU tar manual, "Storing Sparse Files". A map lists the regions that hold data, as
(offset, length) in bytes; everything between them is zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from samebit.canonical.numbers import MAX_DIGITS, decimal, number
from samebit.errors import InputError

Regions = tuple[tuple[int, int], ...]

# A real file of this many holes is unheard of; a lying one must not fill the memory.
MAX_REGIONS = 1 << 18
_PAX_0_0 = (b"GNU.sparse.offset", b"GNU.sparse.numbytes")


@dataclass(frozen=True, slots=True)
class SparseMap:
    """`size` is the file's length with its holes, `regions` are in order and do not overlap."""

    size: int
    regions: Regions

    def runs(self) -> Iterator[tuple[bool, int]]:
        """Give the file from its start to its end as (is data, length), no run of them empty."""
        end = 0
        for offset, length in self.regions:
            if offset > end:
                yield False, offset - end
            yield True, length
            end = offset + length
        if self.size > end:
            yield False, self.size - end


def checked(size: int, regions: Regions, what: str) -> SparseMap:
    """Check that regions are ordered, separate and inside the file; raises InputError."""
    end = 0
    for offset, length in regions:
        if offset < end or length < 0:
            raise InputError(f"{what}: a sparse map that is out of order")
        end = offset + length
    if end > size:
        raise InputError(f"{what}: a sparse map that is longer than its file")
    return SparseMap(size, tuple(region for region in regions if region[1]))


def old_gnu(header: bytes, next_block: Callable[[], bytes], what: str) -> SparseMap:
    """Read the map in an old GNU header (type `S`) and its extension blocks."""
    regions: list[tuple[int, int]] = []
    _add_cells(header, 386, 4, regions, what)
    more = header[482]
    while more:
        block = next_block()
        _add_cells(block, 0, 21, regions, what)
        more = block[504]
    return checked(number(header[483:495], what), tuple(regions), what)


def _add_cells(
    block: bytes, start: int, count: int, regions: list[tuple[int, int]], what: str
) -> None:
    for at in range(start, start + 24 * count, 24):
        if not block[at]:
            return
        regions.append((number(block[at : at + 12], what), number(block[at + 12 : at + 24], what)))
    _limit(len(regions), what)


def pax_0(size: bytes, numbers: Sequence[bytes], what: str) -> SparseMap:
    """Read forms 0.0 and 0.1: `numbers` alternate between offset and length."""
    if len(numbers) % 2:
        raise InputError(f"{what}: a sparse map with half a region")
    _limit(len(numbers) // 2, what)
    values = [decimal(text, what) for text in numbers]
    return checked(decimal(size, what), tuple(zip(values[::2], values[1::2], strict=True)), what)


def pax_0_0_numbers(records: Sequence[tuple[bytes, bytes]], what: str) -> list[bytes]:
    """Collect form 0.0's repeated records, which alternate between offset and numbytes."""
    found = [(key, value) for key, value in records if key in _PAX_0_0]
    if any(key != _PAX_0_0[index % 2] for index, (key, _) in enumerate(found)):
        raise InputError(f"{what}: a sparse map that is out of order")
    return [value for _, value in found]


def pax_1(size: bytes, next_block: Callable[[], bytes], what: str) -> SparseMap:
    """Read form 1.0, whose map stands before the data: lines of decimal numbers, zero padded."""
    block = next_block()

    def line() -> int:
        nonlocal block
        while b"\n" not in block:
            if len(block) > MAX_DIGITS:
                raise InputError(f"{what}: a malformed sparse map")
            block += next_block()
        text, _, block = block.partition(b"\n")
        return decimal(text, what)

    count = line()
    _limit(count, what)
    regions = tuple((line(), line()) for _ in range(count))
    return checked(decimal(size, what), regions, what)


def _limit(count: int, what: str) -> None:
    if count > MAX_REGIONS:
        raise InputError(f"{what}: a sparse map of more than {MAX_REGIONS} regions")
