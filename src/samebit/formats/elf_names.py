"""The names of debug information in byte-wise order, with everything that refers to them.

GCC writes .debug_str and .debug_line_str in the order of hash tables, which depends on each name:
where one of them is random, so is the order (DWARF 5, 7.26). Linkers keep the order that they meet
names in.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import BinaryIO

from samebit.executables.dwarf_references import STRINGS, references
from samebit.executables.elf_file import ElfFile, Section, read_elf
from samebit.executables.source import FormatError, StreamSource

Patch = tuple[int, bytes]


def in_order(source: BinaryIO, size: int, patches: Sequence[Patch]) -> list[Patch]:
    """Add to patches that change names what puts the names in order; sorted.

    Nothing is added for a section in which no name changes, or to which a reference might be
    missed.
    """
    try:
        elf = read_elf(StreamSource(source, size))
    except FormatError:
        return list(patches)
    found = list(patches)
    for name in sorted(STRINGS):
        section = elf.section(name)
        if section is not None:
            found = _with_section(elf, section, found)
    return found


def _with_section(elf: ElfFile, section: Section, patches: list[Patch]) -> list[Patch]:
    end = section.offset + section.size
    inside = [patch for patch in patches if section.offset <= patch[0] < end]
    if not inside:
        return patches
    try:
        added = _ordered(elf, section, inside)
    except FormatError:
        return patches
    return sorted([*(patch for patch in patches if patch not in inside), *added])


def _ordered(elf: ElfFile, section: Section, inside: Sequence[Patch]) -> list[Patch]:
    content = bytearray(elf.content(section))
    for offset, data in inside:
        start = offset - section.offset
        content[start : start + len(data)] = data
    if len(content) != section.size or content[-1]:
        raise FormatError("the last name has no end")
    names = bytes(content[:-1]).split(b"\0")
    starts = _starts(names)
    ordered = sorted(names)
    places: dict[bytes, int] = {}
    for name, place in zip(ordered, _starts(ordered), strict=True):
        places.setdefault(name, place)
    added = [(section.offset, b"\0".join(ordered) + b"\0")]
    for at, width, value in references(elf, section.name):
        if value >= len(content):
            raise FormatError("a name is out of range")
        index = bisect_right(starts, value) - 1
        text = names[index][value - starts[index] :]
        if text not in places:
            # The end of a longer name, whichever the linker chose.
            longer = next(name for name in ordered if name.endswith(text))
            places[text] = places[longer] + len(longer) - len(text)
        added.append((at, places[text].to_bytes(width, "little" if elf.order == "<" else "big")))
    return added


def _starts(names: Sequence[bytes]) -> list[int]:
    return list(accumulate((len(name) + 1 for name in names[:-1]), initial=0))
