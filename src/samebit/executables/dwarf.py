"""The names that DWARF units give their compiler, source and directory (DWARF 2 to 5).

Only the first entry of each unit is decoded; that is where the build's directory stands.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from samebit.executables.dwarf_data import MAX_UNITS, DwarfData
from samebit.executables.elf_file import ET_REL, SHT_RELA, ElfFile, Section
from samebit.executables.source import FormatError, c_string

# Of all tables that units ask for: a program has some thousand.
MAX_DECLARATIONS = 1 << 18
_MAX_RELOCATIONS = 4_000_000
_NAME, _COMP_DIR, _PRODUCER, _STR_OFFSETS_BASE = 0x03, 0x1B, 0x25, 0x72
_WANTED = (_NAME, _COMP_DIR, _PRODUCER)
# A declaration of .debug_abbrev (DWARF 5, 7.5.3): code, tag, children, pairs of name and form, an
# implicit constant behind its form, two zeros.
_NUMBER = rb"[\x80-\xff]{0,9}[\x00-\x7f]"
DECLARATION = re.compile(
    rb"%b%b[\x00\x01](?:(?!\x00\x00)%b(?:\x21%b|(?!\x21)%b)){0,256}\x00\x00" % ((_NUMBER,) * 5)
)
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
    reader = UnitReader(elf, section)
    offset = 0
    for _ in range(MAX_UNITS):
        if offset >= len(reader.data):
            return
        unit, offset = reader.unit(offset)
        if unit is not None:
            yield unit


class FirstEntry(NamedTuple):
    """What the first entry of a unit has, and where it is.

    Attributes are triples of name, form and implicit constant, None for no entry; `size` is that of
    the unit's offsets, `address` that of its addresses, both in bytes; `table` is where its
    abbreviations begin.
    """

    attributes: list[tuple[int, int, int]] | None
    offset: int
    end: int
    size: int
    address: int
    table: int


class UnitReader(DwarfData):
    """The units of .debug_info, with the sections that they refer to."""

    def __init__(self, elf: ElfFile, section: Section) -> None:
        super().__init__(elf.content(section), elf.order)
        self.abbreviations = _content(elf, b".debug_abbrev")
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
        """Read the unit at `offset`, and where the next one is. Raises FormatError."""
        root = self.first_entry(offset)
        if root.attributes is None:
            return None, root.end
        return self._root(root.attributes, root.offset, root.size, root.address), root.end

    def first_entry(self, offset: int) -> FirstEntry:
        """Find the first entry of the unit at `offset`. Raises FormatError."""
        offset, end, size = self.length(offset)
        version = self.number(offset, 2)
        offset += 2
        if version >= 5:
            kind, address = self.number(offset, 1), self.number(offset + 1, 1)
            table = self._offset(offset + 2, size)
            # Skeleton and split units have an ID, type units a signature and an offset.
            offset += 2 + size + {4: 8, 5: 8, 2: 8 + size, 6: 8 + size}.get(kind, 0)
        elif version >= 2:
            table, address = self._offset(offset, size), self.number(offset + size, 1)
            offset += size + 1
        else:
            return FirstEntry(None, offset, end, size, 0, 0)
        code, offset = self.uleb(self.data, offset)
        if code == 0 or offset > end:
            return FirstEntry(None, offset, end, size, address, table)
        attributes = self.abbreviation(table, code)
        return FirstEntry(attributes, offset, end, size, address, table)

    def _root(
        self, attributes: list[tuple[int, int, int]], offset: int, size: int, address: int
    ) -> Unit:
        found: dict[int, tuple[int, int]] = {}
        for name, form, _ in attributes:
            found.setdefault(name, (form, offset))
            offset = self.skip(form, offset, size, address)
        base = 8 if size == 4 else 16
        if _STR_OFFSETS_BASE in found:
            base = self._offset(found[_STR_OFFSETS_BASE][1], size)
        texts = {name: self._text(*found[name], size, base) for name in _WANTED if name in found}
        return Unit(texts.get(_NAME, b""), texts.get(_COMP_DIR, b""), texts.get(_PRODUCER, b""))

    def _text(self, form: int, offset: int, size: int, base: int) -> bytes:
        if form == 0x08:
            return c_string(self.data, offset)
        if form == 0x0E:
            return c_string(self._strings, self._offset(offset, size))
        if form == 0x1F:
            return c_string(self._line_strings, self._offset(offset, size))
        if form in _STRX:
            width = _STRX[form]
            index = self.number(offset, width) if width else self.uleb(self.data, offset)[0]
            at = base + index * size
            entry = self._offsets[at : at + size]
            if len(entry) != size:
                raise FormatError("a string's number is out of range")
            return c_string(self._strings, self.decode(entry))
        return b""

    def abbreviation(self, table: int, wanted: int) -> list[tuple[int, int, int]]:
        """Give the attributes of a declaration of the table at that offset. Raises FormatError."""
        # The units of one compiler run share their table.
        found = self._known.get((table, wanted))
        if found is None:
            found = self._known[table, wanted] = self._read_abbreviation(table, wanted)
        return found

    def _read_abbreviation(self, table: int, wanted: int) -> list[tuple[int, int, int]]:
        if table != self._table:
            self._table, self._codes, self._scanned = table, {}, table
        data = self.abbreviations
        while wanted not in self._codes:
            found = DECLARATION.match(data, self._scanned)
            self._declarations += 1
            if found is None or found[0][0] == 0:
                raise FormatError("a unit's first entry has no abbreviation")
            if self._declarations > MAX_DECLARATIONS:
                raise FormatError("it has too many abbreviations")
            self._codes.setdefault(self.uleb(data, found.start())[0], found.start())
            self._scanned = found.end()
        _, at = self.uleb(data, self._codes[wanted])
        _, at = self.uleb(data, at)
        return self.attributes_at(at + 1)

    def attributes_at(self, at: int) -> list[tuple[int, int, int]]:
        """Read name, form and implicit constant of each attribute of a declaration.

        Raises FormatError.
        """
        data = self.abbreviations
        attributes: list[tuple[int, int, int]] = []
        while True:
            name, at = self.uleb(data, at)
            form, at = self.uleb(data, at)
            value = 0
            if form == 0x21:
                value, at = self.uleb(data, at)
            if name == 0 and form == 0:
                return attributes
            attributes.append((name, form, value))

    def _offset(self, at: int, size: int) -> int:
        return self._moved.get(at, self.number(at, size))


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
