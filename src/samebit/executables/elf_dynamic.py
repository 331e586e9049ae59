"""The dynamic section and the notes of an ELF file (System V ABI, chapter 5)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from samebit.executables.elf_file import (
    PT_DYNAMIC,
    PT_INTERP,
    PT_LOAD,
    PT_NOTE,
    SHT_NOTE,
    ElfFile,
)
from samebit.executables.source import FormatError, c_string

_ENTRY = {
    (order, wide): struct.Struct(order + ("qQ" if wide else "iI"))
    for order in "<>"
    for wide in (False, True)
}
_NOTE = {order: struct.Struct(order + "III") for order in "<>"}
_MAX_DYNAMIC = 1 << 20
_MAX_STRINGS = 32 << 20
_MAX_NOTES = 4 << 20
_MAX_NEEDED = 4096
_PATH_MAX = 4096
_NEEDED, _STRTAB, _STRSZ, _SONAME, _RPATH, _BIND_NOW = 1, 5, 10, 14, 15, 24
_RUNPATH, _FLAGS, _FLAGS_1 = 29, 30, 0x6FFFFFFB


@dataclass(frozen=True, slots=True)
class Dynamic:
    """What the loader is told. `strings` is the whole dynamic string table."""

    needed: tuple[bytes, ...] = ()
    soname: bytes = b""
    rpath: bytes = b""
    runpath: bytes = b""
    bind_now: bool = False
    pie_flag: bool = False
    strings: bytes = b""


@dataclass(frozen=True, slots=True)
class Note:
    """A note of a PT_NOTE segment or SHT_NOTE section; `at` is where its content is in the file."""

    owner: bytes
    kind: int
    content: bytes
    at: int


def read_dynamic(elf: ElfFile) -> Dynamic | None:
    """Read the dynamic section, None when there is none. Raises FormatError."""
    segment = next((s for s in elf.segments if s.kind == PT_DYNAMIC), None)
    if segment is None or segment.size == 0:
        return None
    # What `objcopy --only-keep-debug` leaves has headers without the content they speak of.
    if segment.size > _MAX_DYNAMIC:
        raise FormatError("the dynamic section is too long")
    data = elf.source.read(segment.offset, segment.size)
    layout = _ENTRY[elf.order, elf.wide]
    entries: list[tuple[int, int]] = []
    for tag, value in layout.iter_unpack(data[: len(data) // layout.size * layout.size]):
        if tag == 0:
            break
        entries.append((tag, value))
    values = dict(entries)
    if _STRTAB not in values:
        return Dynamic()
    size = values.get(_STRSZ, 0)
    if size > _MAX_STRINGS:
        raise FormatError("the dynamic string table is too long")
    strings = elf.source.read(elf.offset_of(values[_STRTAB]), size)

    def named(tag: int) -> bytes:
        return c_string(strings, values[tag]) if tag in values else b""

    needed = [c_string(strings, value) for tag, value in entries if tag == _NEEDED]
    if len(needed) > _MAX_NEEDED:
        raise FormatError("it needs too many libraries")
    flags, flags_1 = values.get(_FLAGS, 0), values.get(_FLAGS_1, 0)
    return Dynamic(
        tuple(needed),
        named(_SONAME),
        named(_RPATH),
        named(_RUNPATH),
        bind_now=_BIND_NOW in values or bool(flags & 8) or bool(flags_1 & 1),
        pie_flag=bool(flags_1 & 0x08000000),
        strings=strings,
    )


def read_interpreter(elf: ElfFile) -> bytes | None:
    """Give the path of the program interpreter, None when there is none. Raises FormatError."""
    segment = next((s for s in elf.segments if s.kind == PT_INTERP), None)
    if segment is None or segment.size == 0:
        return None
    if segment.size > _PATH_MAX:
        raise FormatError("the interpreter's path is too long")
    return elf.source.read(segment.offset, segment.size).split(b"\0", 1)[0]


def read_notes(elf: ElfFile) -> Iterator[Note]:
    """Give the notes of the sections, or of the segments where sections are gone; each once.

    Raises FormatError.
    """
    ranges = [(s.offset, s.size) for s in elf.sections if s.kind == SHT_NOTE]
    if not ranges:
        ranges = [(s.offset, s.size) for s in elf.segments if s.kind == PT_NOTE]
    layout = _NOTE[elf.order]
    for offset, size in sorted(set(ranges)):
        if size > _MAX_NOTES:
            raise FormatError("a note is too long")
        data = elf.source.read(offset, size)
        at = 0
        while at + layout.size <= len(data):
            name_size, content_size, kind = layout.unpack_from(data, at)
            at += layout.size
            content_at = at + (name_size + 3) // 4 * 4
            end = content_at + content_size
            if end > len(data):
                raise FormatError("a note is longer than its section")
            owner = data[at : at + name_size].rstrip(b"\0")
            yield Note(owner, kind, data[content_at:end], offset + content_at)
            at = (end + 3) // 4 * 4


def data_ranges(elf: ElfFile) -> Iterator[tuple[int, int]]:
    """Give the ranges of loaded segments, for files whose sections are gone."""
    for segment in elf.segments:
        if segment.kind == PT_LOAD and segment.size:
            yield segment.offset, segment.size
