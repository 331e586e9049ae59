"""Removing symbols, debug information and build IDs from ELF files; the same bytes everywhere.

Every byte that is loaded stays where it is: the file's content up to the end of its last segment is
copied, with the notes that hold build IDs blanked, and a new table of the remaining sections
follows. Objects have no segments; their debug sections become empty ones, so that the numbers that
symbols and groups have for sections stay right.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from samebit.executables.elf_file import (
    ET_DYN,
    ET_EXEC,
    ET_REL,
    PT_LOAD,
    PT_NOTE,
    SHF_ALLOC,
    SHT_NOBITS,
    SHT_NOTE,
    SHT_RELA,
    SHT_SYMTAB,
    ElfFile,
    read_elf,
)
from samebit.executables.go_build_info import is_constant_id
from samebit.executables.source import FormatError, Source

_SHT_NULL, _SHT_PROGBITS, _SHT_STRTAB, _SHT_REL, _SHT_INDEXES = 0, 1, 3, 9, 18
_DEBUG = (b".debug_", b".zdebug_", b".stab", b".gnu.debuglto_", b".gdb_index", b".gnu_debug")
_TOLD = (b".comment", b".GCC.command.line")
_MAX_NOTES = 4 << 20


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the new file: `data`, or else `size` bytes of the old one from `offset`."""

    offset: int
    size: int
    data: bytes | None = None


@dataclass(slots=True)
class _Header:
    """A section header in the order of the format's fields."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    align: int
    entry: int


class CannotStripError(Exception):
    """The file holds something that would be lost or broken; the text says what."""


def stripped_elf(source: Source) -> tuple[Piece, ...]:
    """Say what the stripped file consists of.

    Raises FormatError for a damaged file, CannotStripError for one that has to stay as it is.
    """
    elf = read_elf(source)
    if not elf.sections:
        # What is left is loaded, but for notes.
        return tuple(_with_blanks(0, source.size, list(_build_id_blanks(elf))))
    headers = _headers(elf)
    if elf.kind == ET_REL:
        return _object(elf, headers)
    if elf.kind in (ET_EXEC, ET_DYN):
        return _program(elf, headers)
    raise CannotStripError("it is neither a program nor a library nor an object")


def _headers(elf: ElfFile) -> list[_Header]:
    layout = _layout(elf)
    table, size, count, _ = _table(elf)
    if count != len(elf.sections) or count >= 0xFF00:
        raise CannotStripError("it has too many sections")
    return [
        _Header(*layout.unpack(elf.source.read(table + number * size, layout.size)))
        for number in range(count)
    ]


def _layout(elf: ElfFile) -> struct.Struct:
    return struct.Struct(elf.order + ("IIQQQQIIQQ" if elf.wide else "IIIIIIIIII"))


def _table(elf: ElfFile) -> tuple[int, int, int, int]:
    """Give place, size of an entry, number of entries and number of the names' section."""
    where, word = (40, "Q") if elf.wide else (32, "I")
    (place,) = struct.unpack(elf.order + word, elf.source.read(where, struct.calcsize(word)))
    numbers = struct.unpack(elf.order + "HHH", elf.source.read(58 if elf.wide else 46, 6))
    return place, *numbers


def _is_debug(elf: ElfFile, number: int, headers: list[_Header]) -> bool:
    header, name = headers[number], elf.sections[number].name
    if header.kind in (SHT_RELA, _SHT_REL):
        # Relocations go with what they belong to.
        return 0 < header.info < len(headers) and _is_debug_name(elf, header.info, headers)
    return not header.flags & SHF_ALLOC and name.startswith((*_DEBUG, *_TOLD))


def _is_debug_name(elf: ElfFile, number: int, headers: list[_Header]) -> bool:
    name = elf.sections[number].name
    return not headers[number].flags & SHF_ALLOC and name.startswith(_DEBUG)


def _object(elf: ElfFile, headers: list[_Header]) -> tuple[Piece, ...]:
    emptied = [replace(header) for header in headers]
    for number, header in enumerate(emptied):
        if _is_debug(elf, number, headers):
            header.size = 0
            if header.kind == SHT_NOBITS:
                header.kind = _SHT_PROGBITS
            # An empty section has no compression header.
            header.flags &= ~0x800
    pieces: list[Piece] = []
    head = 64 if elf.wide else 52
    at = head
    for number, header in enumerate(emptied):
        if header.kind == _SHT_NULL:
            continue
        align = header.align if 0 < header.align <= 1 << 16 else 1
        padding = -at % align
        if padding:
            pieces.append(Piece(0, padding, bytes(padding)))
        old = headers[number].offset
        header.offset = at + padding
        size = 0 if header.kind == SHT_NOBITS else header.size
        if size:
            elf.source.read(old + size - 1, 1)
            pieces.append(Piece(old, size))
        at = header.offset + size
    _, _, count, names = _table(elf)
    return _assembled(elf, pieces, at, emptied, (count, names))


def _program(elf: ElfFile, headers: list[_Header]) -> tuple[Piece, ...]:
    source = elf.source
    loaded = [(s.offset, s.offset + s.size) for s in elf.segments if s.size]
    loaded += [
        (h.offset, h.offset + h.size)
        for h in headers
        if h.flags & SHF_ALLOC and h.kind not in (SHT_NOBITS, _SHT_NULL)
    ]
    end = max((stop for _, stop in loaded), default=0)
    if end == 0 or end > source.size or not any(s.kind == PT_LOAD for s in elf.segments):
        raise CannotStripError("nothing of it is loaded")
    _refuse_appended(elf, headers, end)
    table, _, _, names = _table(elf)
    dropped = {
        number
        for number, header in enumerate(headers)
        if header.kind == SHT_SYMTAB or _is_debug(elf, number, headers)
    }
    texts = {headers[n].link for n in dropped if headers[n].kind == SHT_SYMTAB}
    dropped |= {n for n in texts | {names} if 0 < n < len(headers) and _is_texts(headers[n])}
    dropped |= {
        number
        for number, header in enumerate(headers)
        if not header.flags & SHF_ALLOC
        and (
            header.kind == _SHT_INDEXES
            or (header.kind in (SHT_RELA, _SHT_REL) and header.link in dropped)
        )
    }
    blanks = [
        # What was dropped from between loaded parts is not left behind.
        (headers[n].offset, headers[n].offset + headers[n].size)
        for n in sorted(dropped)
        if headers[n].kind != SHT_NOBITS
        and headers[n].offset < end
        and not _overlaps(loaded, headers[n].offset, headers[n].offset + headers[n].size)
    ]
    blanks += _build_id_blanks(elf)
    if table < end and not _overlaps(loaded, table, table + 1):
        blanks.append((table, min(end, table + len(headers) * _layout(elf).size)))
    head = 64 if elf.wide else 52
    pieces = list(_with_blanks(head, end, blanks))
    kept, at = _kept_sections(elf, headers, dropped, end, pieces)
    return _assembled(elf, pieces, at, *kept)


def _kept_sections(
    elf: ElfFile, headers: list[_Header], dropped: set[int], end: int, pieces: list[Piece]
) -> tuple[tuple[list[_Header], tuple[int, int]], int]:
    """Place the sections that stay and their names behind the loaded part."""
    last = max((n for n, header in enumerate(headers) if header.flags & SHF_ALLOC), default=0)
    kept: list[_Header] = []
    names = b"\0"
    numbers: dict[int, int] = {}
    at = end
    for number, header in enumerate(headers):
        if number in dropped:
            # Symbols count sections: those that are loaded keep their numbers.
            if number < last:
                numbers[number] = 0
                kept.append(_Header(0, _SHT_NULL, 0, 0, 0, 0, 0, 0, 0, 0))
            continue
        numbers[number] = len(kept)
        new = replace(header)
        if header.kind != _SHT_NULL:
            new.name = len(names)
            names += elf.sections[number].name + b"\0"
        outside = header.offset >= end or header.offset + header.size > end
        if header.kind not in (SHT_NOBITS, _SHT_NULL) and header.size and outside:
            align = header.align if 0 < header.align <= 1 << 16 else 1
            padding = -at % align
            if padding:
                pieces.append(Piece(0, padding, bytes(padding)))
            new.offset = at + padding
            elf.source.read(header.offset + header.size - 1, 1)
            pieces.append(Piece(header.offset, header.size))
            at = new.offset + header.size
        elif header.kind == SHT_NOBITS:
            new.offset = min(header.offset, end)
        kept.append(new)
    for new in kept:
        new.link = numbers.get(new.link, 0)
        if new.kind in (SHT_RELA, _SHT_REL):
            new.info = numbers.get(new.info, 0)
    own = _Header(len(names), _SHT_STRTAB, 0, 0, at, 0, 0, 0, 1, 0)
    names += b".shstrtab\0"
    own.size = len(names)
    pieces.append(Piece(0, len(names), names))
    kept.append(own)
    return (kept, (len(kept), len(kept) - 1)), at + len(names)


def _assembled(
    elf: ElfFile,
    pieces: list[Piece],
    at: int,
    headers: list[_Header],
    numbers: tuple[int, int],
) -> tuple[Piece, ...]:
    """Add the table of sections at the end and the file's header, which points to it."""
    layout = _layout(elf)
    padding = -at % 8
    rows = [
        layout.pack(
            h.name, h.kind, h.flags, h.address, h.offset, h.size, h.link, h.info, h.align, h.entry
        )
        for h in headers
    ]
    table = bytes(padding) + b"".join(rows)
    size = 64 if elf.wide else 52
    head = bytearray(elf.source.read(0, size))
    place = struct.pack(elf.order + ("Q" if elf.wide else "I"), at + padding)
    where = 40 if elf.wide else 32
    head[where : where + len(place)] = place
    last = struct.pack(elf.order + "HHH", layout.size, *numbers)
    head[size - 6 : size] = last
    return (Piece(0, size, bytes(head)), *pieces, Piece(0, len(table), table))


def _is_texts(header: _Header) -> bool:
    return header.kind == _SHT_STRTAB and not header.flags & SHF_ALLOC


def _refuse_appended(elf: ElfFile, headers: list[_Header], end: int) -> None:
    """Refuse what carries more than ELF says: installers and bundles append their payload."""
    table, size, count, _ = _table(elf)
    stops = [end, table + size * count]
    stops += [h.offset + h.size for h in headers if h.kind not in (SHT_NOBITS, _SHT_NULL)]
    # Linkers pad the end of a file.
    if elf.source.size - max(stops) > 16:
        raise CannotStripError("it carries data behind its last section")


def _build_id_blanks(elf: ElfFile) -> Iterator[tuple[int, int]]:
    """Give the ranges of notes that hold a build ID: all of the note but its three sizes."""
    ranges = {(s.offset, s.size) for s in elf.sections if s.kind == SHT_NOTE}
    ranges |= {(s.offset, s.size) for s in elf.segments if s.kind == PT_NOTE}
    layout = struct.Struct(elf.order + "III")
    found: set[tuple[int, int]] = set()
    for offset, size in sorted(ranges):
        if size > _MAX_NOTES:
            raise FormatError("a note is too long")
        data = elf.source.read(offset, size)
        at = 0
        while at + layout.size <= len(data):
            name_size, content_size, kind = layout.unpack_from(data, at)
            name_at = at + layout.size
            content_at = name_at + (name_size + 3) // 4 * 4
            stop = content_at + content_size
            if stop > len(data):
                raise FormatError("a note is longer than its section")
            owner = data[name_at : name_at + name_size].rstrip(b"\0")
            wanted = (owner == b"GNU" and kind == 3) or (
                owner == b"Go" and kind == 4 and not is_constant_id(data[content_at:stop])
            )
            if wanted:
                # The kind, the owner and the content; a note without an owner means nothing.
                found.add((offset + at + 8, offset + stop))
            at = (stop + 3) // 4 * 4
    yield from sorted(found)


def _with_blanks(start: int, end: int, blanks: list[tuple[int, int]]) -> Iterator[Piece]:
    at = start
    for first, stop in sorted(blanks):
        first, stop = max(first, at), min(stop, end)  # noqa: PLW2901 - clipped to the range
        if first >= stop:
            continue
        if first > at:
            yield Piece(at, first - at)
        yield Piece(0, stop - first, bytes(stop - first))
        at = stop
    if at < end:
        yield Piece(at, end - at)


def _overlaps(ranges: list[tuple[int, int]], start: int, end: int) -> bool:
    return any(first < end and start < stop for first, stop in ranges)
