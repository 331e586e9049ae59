"""ELF files as lists of sections, so that causes can be looked for inside of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from samebit.executables.elf_file import SHT_NOBITS, ElfFile, Section, read_elf
from samebit.executables.source import FormatError
from samebit.explain.content import Content

_MOST = 32 << 20
# What linkers and compilers compute from everything else: addresses, offsets, tables of names.
_COMPUTED = (
    b".text", b".plt", b".got", b".rel", b".dyn", b".hash", b".gnu.hash", b".gnu.version",
    b".eh_frame", b".gcc_except_table", b".init", b".fini", b".symtab", b".strtab", b".shstrtab",
    b".gopclntab", b".itablink", b".typelink", b".data.rel.ro", b".note.gnu.build-id",
    b".gnu_debuglink", b".debug_aranges", b".debug_ranges", b".debug_rnglists", b".debug_loc",
    b".debug_frame", b".debug_abbrev", b".debug_info", b".debug_addr", b".debug_str_offsets",
)  # fmt: skip


class ContentSource:
    """A content as the readers of executables want it."""

    def __init__(self, content: Content) -> None:
        self._content = content
        self.size = content.size

    def read(self, offset: int, length: int) -> bytes:
        """Give `length` bytes from `offset`. Raises FormatError when they are not all there."""
        data = self._content.read(offset, length) if offset >= 0 <= length else b""
        if len(data) != length or offset < 0:
            raise FormatError(f"bytes {offset} to {offset + length} are not in the file")
        return data


def read_elf_file(content: Content) -> ElfFile | None:
    """Read the tables of an ELF file that has sections; None for anything else."""
    if content.read(0, 4) != b"\x7fELF":
        return None
    try:
        elf = read_elf(ContentSource(content))
    except (FormatError, struct.error, IndexError):
        return None
    return elf if elf.sections else None


def section_bytes(elf: ElfFile, name: bytes) -> bytes:
    """Give the content of the first section of that name; nothing for none, or a damaged one."""
    section = elf.section(name)
    return (content_of(elf, section) or b"") if section is not None else b""


def content_of(elf: ElfFile, section: Section) -> bytes | None:
    """Give a section's content, decompressed; None when it is damaged or very large."""
    if section.kind == SHT_NOBITS:
        return b""
    try:
        return elf.content(section, _MOST)
    except FormatError:
        return None


def is_computed(name: bytes) -> bool:
    """Tell whether a section follows from others: it differs wherever one of them does."""
    return name.startswith(_COMPUTED)


def paired_sections(
    a: ElfFile, b: ElfFile
) -> Iterator[tuple[bytes, Section | None, Section | None]]:
    """Give the sections of both by name; those of one name in their order."""
    others: dict[bytes, list[Section]] = {}
    for section in b.sections:
        others.setdefault(section.name, []).append(section)
    for section in a.sections:
        rest = others.get(section.name)
        yield section.name, section, rest.pop(0) if rest else None
    for name, left in others.items():
        for section in left:
            yield name, None, section
