"""The names that DWARF units give their compiler, source and directory (DWARF 2 to 5).

Only the first entry of each unit is decoded; that is where the build's directory stands.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from samebit.executables.elf_file import ET_REL, SHT_RELA, ElfFile, Section
from samebit.executables.source import FormatError, c_string

_MAX_UNITS = 50_000
# Of all tables that units ask for: a program has some thousand.
_MAX_DECLARATIONS = 1 << 18
_MAX_RELOCATIONS = 4_000_000
_NAME, _COMP_DIR, _PRODUCER, _STR_OFFSETS_BASE = 0x03, 0x1B, 0x25, 0x72
_WANTED = (_NAME, _COMP_DIR, _PRODUCER)
# Sizes of forms (DWARF 5, 7.5.6); -1 stands for the offset size, -2 for the address size.
_FIXED = {
    0x01: -2, 0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x0E: -1, 0x10: -1, 0x11: 1, 0x12: 2,
    0x13: 4, 0x14: 8, 0x17: -1, 0x19: 0, 0x1C: 4, 0x1D: -1, 0x1E: 16, 0x1F: -1, 0x20: 8, 0x21: 0,
    0x24: 8, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2, 0x2B: 3, 0x2C: 4,
    0x1F20: -1, 0x1F21: -1,
}  # fmt: skip
# A declaration of .debug_abbrev (DWARF 5, 7.5.3): code, tag, children, pairs of name and form, an
# implicit constant behind its form, two zeros.
_NUMBER = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
_DECLARATION = re.compile(
    rb"%b%b[\x00\x01](?:(?!\x00\x00)%b(?:\x21%b|(?!\x21)%b)){0,256}\x00\x00" % ((_NUMBER,) * 5)
)
_ULEB = {0x0D, 0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23}
_BLOCKS = {0x0A: 1, 0x03: 2, 0x04: 4}
_STRX = {0x1A: 0, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4}


@dataclass(frozen=True, slots=True)
class Unit:
    """What the first entry of a unit says; empty where it says nothing."""

    name: bytes
    directory: bytes
    producer: bytes


def read_units(elf: ElfFile) -> Iterator[Unit]:
    """Give the units of .debug_info. Raises FormatError where it cannot be understood."""
    section = elf.section(b".debug_info") or elf.section(b".zdebug_info")
    if section is None or section.name.startswith(b".z"):
        return
    reader = _Reader(elf, section)
    offset = 0
    for _ in range(_MAX_UNITS):
        if offset >= len(reader.info):
            return
        unit, offset = reader.unit(offset)
        if unit is not None:
            yield unit


class _Reader:
    def __init__(self, elf: ElfFile, section: Section) -> None:
        self._order = elf.order
        self.info = elf.content(section)
        self._abbreviations = _content(elf, b".debug_abbrev")
        self._strings = _content(elf, b".debug_str")
        self._line_strings = _content(elf, b".debug_line_str")
        self._offsets = _content(elf, b".debug_str_offsets")
        # In objects offsets into other sections are what the relocations say.
        self._moved: Mapping[int, int] = {}
        self._known: dict[tuple[int, int], list[tuple[int, int, int]]] = {}
        # Where the declarations of one table begin, as far as it was looked through.
        self._table = -1
        self._codes: dict[int, int] = {}
        self._scanned = 0
        self._declarations = 0
        if elf.kind == ET_REL:
            self._moved = _addends(elf, elf.sections.index(section))

    def unit(self, offset: int) -> tuple[Unit | None, int]:
        start = offset
        length = self._number(offset, 4)
        offset += 4
        wide = length == 0xFFFFFFFF
        if wide:
            length = self._number(offset, 8)
            offset += 8
        end = offset + length
        if end > len(self.info):
            raise FormatError(f"the unit at {start} is longer than its section")
        version = self._number(offset, 2)
        offset += 2
        size = 8 if wide else 4
        if version >= 5:
            kind, address = self._number(offset, 1), self._number(offset + 1, 1)
            table = self._offset(offset + 2, size)
            # Skeleton and split units have an ID, type units a signature and an offset.
            offset += 2 + size + {4: 8, 5: 8, 2: 8 + size, 6: 8 + size}.get(kind, 0)
        elif version >= 2:
            table, address = self._offset(offset, size), self._number(offset + size, 1)
            offset += size + 1
        else:
            return None, end
        code, offset = self._uleb(self.info, offset)
        if code == 0 or offset > end:
            return None, end
        attributes = self._abbreviation(table, code)
        return self._root(attributes, offset, size, address), end

    def _root(
        self, attributes: list[tuple[int, int, int]], offset: int, size: int, address: int
    ) -> Unit:
        found: dict[int, tuple[int, int]] = {}
        for name, form, _ in attributes:
            found.setdefault(name, (form, offset))
            offset = self._skip(form, offset, size, address)
        base = 8 if size == 4 else 16
        if _STR_OFFSETS_BASE in found:
            base = self._offset(found[_STR_OFFSETS_BASE][1], size)
        texts = {name: self._text(*found[name], size, base) for name in _WANTED if name in found}
        return Unit(texts.get(_NAME, b""), texts.get(_COMP_DIR, b""), texts.get(_PRODUCER, b""))

    def _text(self, form: int, offset: int, size: int, base: int) -> bytes:
        if form == 0x08:
            return c_string(self.info, offset)
        if form == 0x0E:
            return c_string(self._strings, self._offset(offset, size))
        if form == 0x1F:
            return c_string(self._line_strings, self._offset(offset, size))
        if form in _STRX:
            width = _STRX[form]
            index = self._number(offset, width) if width else self._uleb(self.info, offset)[0]
            at = base + index * size
            entry = self._offsets[at : at + size]
            if len(entry) != size:
                raise FormatError("a string's number is out of range")
            return c_string(self._strings, self._decode(entry))
        return b""

    def _skip(self, form: int, offset: int, size: int, address: int) -> int:
        fixed = _FIXED.get(form)
        if fixed is not None:
            return offset + (size if fixed == -1 else address if fixed == -2 else fixed)
        if form in _ULEB:
            return self._uleb(self.info, offset)[1]
        if form == 0x08:
            return offset + len(c_string(self.info, offset, 1 << 16)) + 1
        if form in (0x09, 0x18):
            length, offset = self._uleb(self.info, offset)
            return offset + length
        if form in _BLOCKS:
            return offset + _BLOCKS[form] + self._number(offset, _BLOCKS[form])
        raise FormatError(f"form {form:#x} is unknown")

    def _abbreviation(self, table: int, wanted: int) -> list[tuple[int, int, int]]:
        # The units of one compiler run share their table.
        found = self._known.get((table, wanted))
        if found is None:
            found = self._known[table, wanted] = self._read_abbreviation(table, wanted)
        return found

    def _read_abbreviation(self, table: int, wanted: int) -> list[tuple[int, int, int]]:
        if table != self._table:
            self._table, self._codes, self._scanned = table, {}, table
        data = self._abbreviations
        while wanted not in self._codes:
            found = _DECLARATION.match(data, self._scanned)
            self._declarations += 1
            if found is None or found[0][0] == 0:
                raise FormatError("a unit's first entry has no abbreviation")
            if self._declarations > _MAX_DECLARATIONS:
                raise FormatError("it has too many abbreviations")
            self._codes.setdefault(self._uleb(data, found.start())[0], found.start())
            self._scanned = found.end()
        _, at = self._uleb(data, self._codes[wanted])
        _, at = self._uleb(data, at)
        at += 1
        attributes: list[tuple[int, int, int]] = []
        while True:
            name, at = self._uleb(data, at)
            form, at = self._uleb(data, at)
            value = 0
            if form == 0x21:
                value, at = self._uleb(data, at)
            if name == 0 and form == 0:
                return attributes
            attributes.append((name, form, value))

    def _offset(self, at: int, size: int) -> int:
        return self._moved.get(at, self._number(at, size))

    def _number(self, at: int, size: int) -> int:
        data = self.info[at : at + size]
        if len(data) != size:
            raise FormatError("a unit is cut off")
        return self._decode(data)

    def _decode(self, data: bytes) -> int:
        return int.from_bytes(data, "little" if self._order == "<" else "big")

    @staticmethod
    def _uleb(data: bytes, at: int) -> tuple[int, int]:
        # Most have one byte.
        if 0 <= at < len(data) and data[at] < 0x80:
            return data[at], at + 1
        value = shift = 0
        while shift < 70:
            if not 0 <= at < len(data):
                raise FormatError("a number is cut off")
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
            shift += 7
        raise FormatError("a number is too long")


def _content(elf: ElfFile, name: bytes) -> bytes:
    section = elf.section(name)
    return elf.content(section) if section is not None else b""


def _addends(elf: ElfFile, target: int) -> dict[int, int]:
    """Give offset to addend of the relocations of one section (they point into other sections)."""
    found: dict[int, int] = {}
    layout = struct.Struct(elf.order + ("QQq" if elf.wide else "IIi"))
    for section in elf.sections:
        if section.kind == SHT_RELA and section.info == target:
            if section.size > _MAX_RELOCATIONS * layout.size:
                raise FormatError("it has too many relocations")
            data = elf.content(section)
            usable = len(data) // layout.size * layout.size
            found |= {offset: addend for offset, _, addend in layout.iter_unpack(data[:usable])}
    return found
