"""ELF headers, sections and segments, read with bounds (System V ABI, chapters 4 and 5)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, cast

import zstandard

from samebit.executables.source import FormatError, Source

# e_shnum has two bytes, its extension could claim anything.
MAX_SECTIONS = 1 << 16
_MAX_SEGMENTS = 4096
_MAX_NAME = 256
MAX_TABLE = 64 << 20
SHT_PROGBITS, SHT_SYMTAB, SHT_RELA, SHT_NOTE, SHT_NOBITS = 1, 2, 4, 7, 8
SHF_WRITE, SHF_ALLOC, SHF_EXECINSTR, SHF_COMPRESSED = 1, 2, 4, 0x800
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
PT_GNU_STACK, PT_GNU_RELRO = 0x6474E551, 0x6474E552
ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
# By class and byte order: the layouts of the file's header, of a section's and of a segment's.
_KINDS = {
    ident: tuple(map(struct.Struct, layouts))
    for ident, layouts in {
        (1, 1): ("<HHIIIIIHHHHHH", "<IIIIIIIIII", "<IIIIIIII"),
        (1, 2): (">HHIIIIIHHHHHH", ">IIIIIIIIII", ">IIIIIIII"),
        (2, 1): ("<HHIQQQIHHHHHH", "<IIQQQQIIQQ", "<IIQQQQQQ"),
        (2, 2): (">HHIQQQIHHHHHH", ">IIQQQQIIQQ", ">IIQQQQQQ"),
    }.items()
}


class Section(NamedTuple):
    """A section header; sizes and offsets in bytes.

    A tuple, because an audit makes a hundred thousand of them and a dataclass takes ten times as
    long.
    """

    name: bytes
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int


_new_section = cast("Callable[[Iterable[object]], Section]", partial(tuple.__new__, Section))


class Segment(NamedTuple):
    """A program header; sizes and offsets in bytes. A tuple for the same reason."""

    kind: int
    flags: int
    offset: int
    address: int
    size: int


@dataclass(frozen=True, slots=True)
class ElfFile:
    """An ELF file's tables. `order` is the struct module's sign for its byte order."""

    source: Source
    wide: bool
    order: str
    kind: int
    machine: int
    sections: tuple[Section, ...]
    segments: tuple[Segment, ...]
    _named: Mapping[bytes, Section]

    def section(self, name: bytes) -> Section | None:
        """Give the first section of that name that has bytes in the file."""
        return self._named.get(name)

    def content(self, section: Section, limit: int = MAX_TABLE) -> bytes:
        """Give a section's content, decompressed; raises FormatError beyond `limit` bytes."""
        if not section.flags & SHF_COMPRESSED:
            if section.size > limit:
                raise FormatError(f"its size, {section.size} bytes, is more than is read")
            return self.source.read(section.offset, section.size)
        layout = struct.Struct(self.order + ("IIQQ" if self.wide else "III"))
        header = layout.unpack(self.source.read(section.offset, layout.size))
        size = header[2] if self.wide else header[1]
        if size > limit or section.size > limit:
            raise FormatError(f"its size, {size} bytes, is more than is read")
        packed = self.source.read(section.offset + layout.size, section.size - layout.size)
        return _decompressed(packed, header[0], size)

    def offset_of(self, address: int) -> int:
        """Give the place in the file of a virtual address. Raises FormatError."""
        for segment in self.segments:
            if segment.kind == PT_LOAD and 0 <= address - segment.address < segment.size:
                return segment.offset + address - segment.address
        raise FormatError(f"address {address:#x} is in no segment")


def read_elf(source: Source) -> ElfFile:
    """Read the headers. Raises FormatError when they lie outside the file or are no ELF."""
    ident = source.read(0, 16)
    layouts = _KINDS.get((ident[4], ident[5]))
    if layouts is None:
        raise FormatError("its class or byte order is unknown")
    layout = layouts[0]
    header = layout.unpack(source.read(16, layout.size))
    kind, machine = header[0], header[1]
    segment_table, section_table = header[4], header[5]
    segment_size, segment_count, section_size, section_count, names = header[8:13]
    order, wide = "<" if ident[5] == 1 else ">", ident[4] == 2
    sections = _sections(source, layouts[1], (section_table, section_size, section_count), names)
    segments = _segments(source, layouts[2], segment_table, segment_size, segment_count, wide=wide)
    named = {found.name: found for found in reversed(sections) if found.kind != SHT_NOBITS}
    return ElfFile(source, wide, order, kind, machine, sections, segments, named)


def _sections(
    source: Source, layout: struct.Struct, where: tuple[int, int, int], names: int
) -> tuple[Section, ...]:
    table, size, count = where
    if table == 0:
        return ()
    if size < layout.size:
        raise FormatError("its section headers are too short")
    if count == 0 or names == 0xFFFF:
        # Beyond 65,279 sections the numbers are in the first header (gABI, "Sections").
        first = layout.unpack(source.read(table, layout.size))
        count = count or first[5]
        names = first[6] if names == 0xFFFF else names
    if count > MAX_SECTIONS:
        raise FormatError(f"it claims {count} sections")
    data = source.read(table, size * count)
    if size == layout.size:
        rows = list(layout.iter_unpack(data))
    else:
        rows = [layout.unpack_from(data, number * size) for number in range(count)]
    texts = b""
    if 0 < names < count and rows[names][1] != SHT_NOBITS:
        if rows[names][5] > MAX_TABLE:
            raise FormatError("its section names are too long")
        texts = source.read(rows[names][4], rows[names][5])
    find = texts.find
    found = [
        texts[row[0] : end] if (end := find(b"\0", row[0], row[0] + _MAX_NAME)) >= 0 else b""
        for row in rows
    ]
    # Column by column, so that no section takes a step of Python.
    return tuple(map(_new_section, zip(found, *list(zip(*rows, strict=True))[1:8], strict=True)))


def _segments(
    source: Source, layout: struct.Struct, table: int, size: int, count: int, *, wide: bool
) -> tuple[Segment, ...]:
    if table == 0 or count == 0:
        return ()
    if size < layout.size or count > _MAX_SEGMENTS:
        raise FormatError("its program headers are malformed")
    data = source.read(table, size * count)
    found = []
    for number in range(count):
        row = layout.unpack_from(data, number * size)
        if wide:
            kind, flags, offset, address, _, file_size = row[:6]
        else:
            kind, offset, address, _, file_size, _, flags = row[:7]
        found.append(Segment(kind, flags, offset, address, file_size))
    return tuple(found)


def _decompressed(packed: bytes, method: int, size: int) -> bytes:
    if method == 1:
        try:
            data = zlib.decompressobj().decompress(packed, size + 1)
        except zlib.error as error:
            raise FormatError("its compressed content is damaged") from error
    elif method == 2:
        try:
            reader = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(packed)
            data = reader.read(size + 1)
        except zstandard.ZstdError as error:
            raise FormatError("its compressed content is damaged") from error
    else:
        raise FormatError(f"compression {method} is unknown")
    if len(data) != size:
        raise FormatError("its compressed content has another size than it says")
    return data
