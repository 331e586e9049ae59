"""The references to the strings in .debug_str and .debug_line_str (DWARF 5, 7.5.5 and 6.2.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from samebit.executables.dwarf import DECLARATION, MAX_DECLARATIONS, UnitReader
from samebit.executables.dwarf_data import MAX_UNITS, DwarfData
from samebit.executables.elf_file import ET_REL, SHF_COMPRESSED, ElfFile, Section
from samebit.executables.source import FormatError

STRINGS = {b".debug_line_str": 0x1F, b".debug_str": 0x0E}
"""The sections of strings, and the form that refers to each."""

_INDIRECT = 0x16
# Units of every kind, whose first entries name what was compiled, and where.
_UNIT_TAGS = {0x11, 0x3C, 0x41, 0x4A}
# Others that may refer to the same strings.
_OTHERS = (b".debug_types", b".debug_macro", b".debug_str_offsets", b".debug_names", b".gdb_index")


class Reference(NamedTuple):
    """Where in the file an offset of a string stands, its size in bytes, its value."""

    at: int
    size: int
    value: int


def references(elf: ElfFile, strings: bytes) -> list[Reference]:
    """Find everything that refers to a section of STRINGS in a linked file.

    Raises FormatError for files in which something might be missed: objects, compressed sections,
    unknown versions and forms, sections that are not read here, more than fifty thousand units.
    """
    info, lines = elf.section(b".debug_info"), elf.section(b".debug_line")
    sections = [s for s in (info, lines, elf.section(strings)) if s is not None]
    if elf.kind == ET_REL or any(s.flags & SHF_COMPRESSED for s in sections):
        raise FormatError("its references are not offsets")
    if strings == b".debug_str" and any(elf.section(name) is not None for name in _OTHERS):
        raise FormatError("other sections may refer to it")
    form = STRINGS[strings]
    found: list[Reference] = []
    if info is not None:
        units = _Units(elf, info)
        read = units.all_references if units.anywhere(form) else units.root_references
        found += _in_section(info, partial(read, form), units.data)
    if lines is not None:
        tables = _Lines(elf.content(lines), elf.order)
        found += _in_section(lines, partial(tables.references, form), tables.data)
    return found


def _in_section(
    section: Section, read: Callable[[int], tuple[list[Reference], int]], data: bytes
) -> Iterator[Reference]:
    offset = 0
    for _ in range(MAX_UNITS):
        if offset >= len(data):
            return
        found, offset = read(offset)
        yield from (Reference(section.offset + at, size, value) for at, size, value in found)
    raise FormatError("it has too many units")


class _Units(UnitReader):
    """The entries of .debug_info."""

    def root_references(self, form: int, offset: int) -> tuple[list[Reference], int]:
        """Give what a unit's first entry refers to, and where the next unit is."""
        root = self.first_entry(offset)
        found: list[Reference] = []
        if root.attributes is not None:
            forms = [of for _, of, _ in root.attributes]
            self._entry(form, forms, root.offset, (root.size, root.address), found)
        return found, root.end

    def all_references(self, form: int, offset: int) -> tuple[list[Reference], int]:
        """Give what all entries of a unit refer to, and where the next unit is."""
        root = self.first_entry(offset)
        found: list[Reference] = []
        if root.attributes is None:
            return found, root.end
        sizes = (root.size, root.address)
        forms = [of for _, of, _ in root.attributes]
        at = self._entry(form, forms, root.offset, sizes, found)
        known: dict[int, list[int]] = {}
        while at < root.end:
            code, at = self.uleb(self.data, at)
            if code == 0:
                # The end of an entry's children.
                continue
            if code not in known:
                known[code] = [of for _, of, _ in self.abbreviation(root.table, code)]
            at = self._entry(form, known[code], at, sizes, found)
        return found, root.end

    def _entry(
        self,
        form: int,
        forms: Sequence[int],
        at: int,
        sizes: tuple[int, int],
        found: list[Reference],
    ) -> int:
        size, address = sizes
        for of in forms:
            if of == form:
                found.append(Reference(at, size, self.number(at, size)))
                at += size
            else:
                at = self.skip(of, at, size, address)
        return at

    def anywhere(self, form: int) -> bool:
        """Whether entries other than the first of a unit may have that form."""
        data, at = self.abbreviations, 0
        found = False
        for _ in range(MAX_DECLARATIONS):
            if at >= len(data):
                return found
            if data[at] == 0:
                # The end of one table.
                at += 1
                continue
            declaration = DECLARATION.match(data, at)
            if declaration is None:
                raise FormatError("an abbreviation is malformed")
            _, inside = self.uleb(data, at)
            tag, inside = self.uleb(data, inside)
            forms = {of for _, of, _ in self.attributes_at(inside + 1)}
            if _INDIRECT in forms:
                raise FormatError("forms stand in entries")
            found = found or (form in forms and tag not in _UNIT_TAGS)
            at = declaration.end()
        raise FormatError("it has too many abbreviations")


class _Lines(DwarfData):
    """The headers of .debug_line."""

    def references(self, wanted: int, offset: int) -> tuple[list[Reference], int]:
        """Give what a table refers to, and where the next table is."""
        offset, end, size = self.length(offset)
        version = self.number(offset, 2)
        if version < 5:
            return [], end
        if version > 5:
            raise FormatError(f"version {version} of a line table is unknown")
        address = self.number(offset + 2, 1)
        # Sizes of an address and a segment, the header's length, five numbers, the opcodes.
        offset += 4 + size + 5
        offset += self.number(offset, 1)
        found: list[Reference] = []
        for _ in ("directories", "files"):
            kinds = self.number(offset, 1)
            offset += 1
            forms = []
            for _ in range(kinds):
                _, offset = self.uleb(self.data, offset)
                form, offset = self.uleb(self.data, offset)
                forms.append(form)
            count, offset = self.uleb(self.data, offset)
            if count > len(self.data):
                raise FormatError("a line table claims too many names")
            for _ in range(count if forms else 0):
                for form in forms:
                    if form == wanted:
                        found.append(Reference(offset, size, self.number(offset, size)))
                    offset = self.skip(form, offset, size, address)
                if offset > end:
                    raise FormatError("a line table is cut off")
        return found, end
