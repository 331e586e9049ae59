"""ELF: programs, libraries and objects of Unix, with what Go, Rust and C compilers add."""

from __future__ import annotations

import re

from samebit.executables import elf_dynamic, go_build_info
from samebit.executables.architectures import elf_name
from samebit.executables.dwarf import Unit, read_units
from samebit.executables.elf_dynamic import Dynamic, data_ranges
from samebit.executables.elf_file import (
    ET_CORE,
    ET_DYN,
    ET_EXEC,
    ET_REL,
    PT_GNU_RELRO,
    PT_GNU_STACK,
    PT_INTERP,
    PT_LOAD,
    SHF_ALLOC,
    SHF_COMPRESSED,
    SHF_EXECINSTR,
    SHT_NOBITS,
    SHT_NOTE,
    SHT_PROGBITS,
    SHT_SYMTAB,
    ElfFile,
    Section,
    read_elf,
)
from samebit.executables.inspect import Context
from samebit.executables.source import FormatError, MemorySource, Source
from samebit.executables.text_scan import TextScan
from samebit.executables.traces import (
    BUILD_ID,
    DEBUG_INFO,
    SYMBOLS,
    VCS_STAMP,
    Traces,
    text,
)
from samebit.model.executable import Executable, Linkage, Linking

NAME = "elf"
MAGICS = (b"\x7fELF",)

_MAX_COMMENT = 1 << 20
_DEBUG = (b".debug_", b".zdebug_", b".gnu.debuglto_", b".stab")
# Data that holds no text of a person's: tables of the linker and the loader.
_TABLES = (
    b".dyn", b".gnu.", b".hash", b".rel", b".eh_frame", b".gopclntab", b".gcc_except_table",
    b".note", b".init_array", b".fini_array", b".got", b".plt", b".itablink", b".typelink",
)  # fmt: skip
# Those that are not loaded and hold texts all the same.
_TEXT_SECTIONS = (b".debug_line", b".debug_line_str", b".debug_str", b".GCC.command.line")
_PSEUDO_VERSION = re.compile(rb"-(?:\d+\.)?\d{14}-[0-9a-f]{12}|\+dirty\Z")
_RUST_COMMENT = re.compile(rb"rustc version [^\0]+")


def recognise(head: bytes, path: bytes) -> bool:
    """Every file with the magic is one."""
    del head, path
    return True


def inspect(source: Source, context: Context) -> Executable:
    """Read an ELF file. Raises FormatError when its headers are unreadable."""
    return _Reader(read_elf(source), context).executable()


class _Reader:
    def __init__(self, elf: ElfFile, context: Context) -> None:
        self._elf = elf
        self._context = context
        self._traces = Traces(context.epoch)
        self._scan = TextScan(self._traces, context.rules)
        self._toolchain: dict[str, None] = {}
        self._details: list[tuple[str, str]] = []
        self._build_ids: list[tuple[str, str]] = []
        self._language: str | None = None
        self._dynamic: Dynamic | None = None
        self._interpreter: bytes | None = None

    def executable(self) -> Executable:
        """Collect everything, each part for itself, so that a damaged one hides no other."""
        traces, elf = self._traces, self._elf
        with traces.reading("dynamic section"):
            self._dynamic = elf_dynamic.read_dynamic(elf)
        with traces.reading("interpreter"):
            self._interpreter = elf_dynamic.read_interpreter(elf)
        with traces.reading(".comment"):
            self._comment()
        with traces.reading("Go build information"):
            self._go()
        with traces.reading("notes"):
            self._notes()
        symbols = self._symbols()
        debug = self._debug()
        with traces.reading("DWARF"):
            self._units()
        self._scan.only_sources = self._language == "go"
        self._texts()
        self._makers()
        self._run_paths()
        kind = self._kind()
        linking = self._linking(kind)
        loads = kind in ("executable", "shared library")
        dynamic = self._dynamic or Dynamic()
        ident = (2 if elf.wide else 1, 1 if elf.order == "<" else 2, elf.machine)
        return Executable(
            NAME,
            kind,
            architecture=elf_name(elf.machine, wide=elf.wide, order=elf.order),
            language=self._language,
            toolchain=tuple(self._toolchain),
            linking=linking,
            linkage=Linkage(
                ident,
                self._interpreter,
                dynamic.needed,
                dynamic.soname,
                dynamic.rpath,
                dynamic.runpath,
            )
            if loads
            else None,
            stripped=not symbols if loads else None,
            debug=debug,
            build_ids=tuple(self._build_ids),
            hardening=self._hardening(kind) if loads else (),
            details=tuple(self._details),
            traces=traces.all(),
        )

    def _kind(self) -> str:
        elf = self._elf
        if elf.kind == ET_REL:
            return "object"
        if elf.kind == ET_CORE:
            return "core dump"
        if elf.kind not in (ET_EXEC, ET_DYN):
            return "other"
        # What objcopy --only-keep-debug leaves has no bytes to load.
        held = [s for s in elf.sections if s.flags & SHF_ALLOC and s.kind != SHT_NOTE]
        if held and all(s.kind == SHT_NOBITS for s in held):
            return "separate debug information"
        if elf.kind == ET_EXEC:
            return "executable"
        dynamic = self._dynamic or Dynamic()
        started = any(segment.kind == PT_INTERP for segment in elf.segments)
        if dynamic.pie_flag or (started and not dynamic.soname):
            return "executable"
        return "shared library"

    def _linking(self, kind: str) -> Linking | None:
        needed = bool(self._dynamic and self._dynamic.needed)
        if kind == "shared library":
            return Linking.DYNAMIC if needed else None
        if kind != "executable":
            return None
        if needed or self._interpreter is not None:
            return Linking.DYNAMIC
        return Linking.STATIC if self._elf.kind == ET_EXEC else Linking.STATIC_PIE

    def _comment(self) -> None:
        section = self._elf.section(b".comment")
        if section is None:
            return
        content = self._elf.content(section, _MAX_COMMENT)
        for line in content.split(b"\0"):
            if line.strip():
                self._toolchain.setdefault(text(line))
        if _RUST_COMMENT.search(content):
            self._language = "rust"
        elif content.strip(b"\0"):
            self._language = "c"

    def _go(self) -> None:
        elf = self._elf
        section = elf.section(b".go.buildinfo")
        if section is not None:
            at: int | None = section.offset
            size = section.size
        elif not elf.sections:
            at = size = None
            for offset, length in data_ranges(elf):
                at = go_build_info.find_build_info(elf.source, offset, length)
                if at is not None:
                    size = offset + length - at
                    break
        else:
            at = size = None
        if at is None or size is None:
            return
        info = go_build_info.read_build_info(elf.source, at, size, elf.offset_of)
        if info is None:
            return
        self._language = "go"
        self._toolchain = {text(b"Go " + info.version): None, **self._toolchain}
        path, version = info.main()
        if path:
            self._details.append(("go path", text(path)))
        for line in info.module.split(b"\n"):
            kind, _, rest = line.partition(b"\t")
            if kind in (b"mod", b"dep", b"=>"):
                self._details.append(
                    (f"go {kind.decode()}", text(rest.replace(b"\t", b" ").strip()))
                )
                if kind == b"=>" and rest.startswith(b"/"):
                    self._scan.path(rest.split(b"\t")[0], "Go module replacement")
        if _PSEUDO_VERSION.search(version):
            self._traces.add(VCS_STAMP, version, "Go main module")
        for name, value in info.settings():
            self._details.append(("go build", text(name + b"=" + value)))
            place = f"Go setting {text(name)}"
            if name.startswith(b"vcs."):
                self._traces.add(VCS_STAMP, name + b"=" + value, place)
            else:
                self._setting(name + b"=" + value, place)
        table = elf.section(b".gopclntab") or elf.section(b".data.rel.ro.gopclntab")
        if table is not None:
            self._go_sources(table)

    def _setting(self, setting: bytes, place: str) -> None:
        self._scan.words([setting], place)
        for rule in self._context.rules.settings:
            if match := rule.pattern.search(setting):
                self._traces.add(rule.finding, match[0], place)

    def _go_sources(self, table: Section) -> None:
        folders = dict.fromkeys(
            name.rpartition(b"/")[0]
            for name in go_build_info.source_files(self._elf.source, table.offset, table.size)
            if name.startswith(b"/")
        )
        place = table.name.decode("ascii", "replace")
        # The standard library's many folders say one thing: where Go was installed.
        roots = [
            folder[: -len(b"/runtime")] for folder in folders if folder.endswith(b"/src/runtime")
        ]
        for root in sorted(roots):
            self._scan.path(root, place)
        for folder in sorted(folders):
            if not any(folder.startswith(root + b"/") or folder == root for root in roots):
                self._scan.path(folder, place)

    def _notes(self) -> None:
        go_id: bytes | None = None
        gnu: list[bytes] = []
        for note in elf_dynamic.read_notes(self._elf):
            if note.owner == b"Go" and note.kind == 4:
                go_id = note.content
                self._language = "go"
            elif note.owner == b"GNU" and note.kind == 3:
                gnu.append(note.content)
        if go_id is not None:
            self._build_ids.append(("go", text(go_id)))
            if not go_build_info.is_constant_id(go_id):
                self._traces.add(BUILD_ID, b"Go " + go_id, ".note.go.buildid")
        for content in gnu:
            self._build_ids.append(("gnu", content.hex()))
            constant = (
                go_id is not None
                and go_build_info.is_constant_id(go_id)
                and content == go_build_info.derived_id(go_id)
            )
            if not constant:
                self._traces.add(BUILD_ID, "GNU " + content.hex(), ".note.gnu.build-id")
        link = self._elf.section(b".gnu_debuglink")
        if link is not None:
            content = self._elf.content(link, _MAX_COMMENT)
            self._traces.add(
                BUILD_ID, b"debug link " + content[:-4].rstrip(b"\0"), ".gnu_debuglink"
            )

    def _symbols(self) -> bool:
        table = next((s for s in self._elf.sections if s.kind == SHT_SYMTAB), None)
        if table is None:
            return False
        # Objects need theirs: the linker reads them.
        if self._elf.kind in (ET_EXEC, ET_DYN):
            entry = 24 if self._elf.wide else 16
            self._traces.add(SYMBOLS, f"{table.size // entry} symbols", ".symtab")
        return True

    def _debug(self) -> bool:
        sections = [s for s in self._elf.sections if s.name.startswith(_DEBUG)]
        # Go and others keep scripts for debuggers in sections that start alike.
        sections = [s for s in sections if s.name != b".debug_gdb_scripts"]
        size = sum(s.size for s in sections if s.kind != SHT_NOBITS)
        if size:
            self._traces.add(DEBUG_INFO, f"{size} bytes of debug information", ".debug_*")
        return size > 0

    def _units(self) -> None:
        for unit in read_units(self._elf):
            self._unit(unit)

    def _unit(self, unit: Unit) -> None:
        if unit.producer:
            self._toolchain.setdefault(text(unit.producer))
            self._scan.words([unit.producer], "DW_AT_producer")
        if unit.directory:
            self._scan.path(unit.directory, "DW_AT_comp_dir")
        if unit.name:
            self._scan.path(unit.name, "DW_AT_name")
        if self._language is None and unit.producer:
            rust = b"rustc" in unit.producer
            self._language = "rust" if rust else "go" if unit.producer.startswith(b"Go ") else "c"

    def _texts(self) -> None:
        elf = self._elf
        if not elf.sections:
            for offset, size in data_ranges(elf):
                with self._traces.reading("a segment"):
                    self._scan.data(elf.source, offset, size, f"offset {offset:#x}")
            return
        for section in elf.sections:
            if not _holds_texts(section):
                continue
            place = text(section.name)
            try:
                if section.flags & SHF_COMPRESSED:
                    content = elf.content(section)
                    self._scan.data(MemorySource(content), 0, len(content), place)
                else:
                    self._scan.data(elf.source, section.offset, section.size, place)
            except FormatError as error:
                self._traces.unreadable(place, error)

    def _makers(self) -> None:
        """Name the toolchain by paths of its own, where it left no note of itself."""
        makers = sorted(self._scan.makers)
        if self._language in (None, "c") and makers:
            self._language = makers[0][0]
            for _, toolchain in makers:
                self._toolchain.setdefault(toolchain)

    def _run_paths(self) -> None:
        if self._dynamic is None:
            return
        for place, value in (
            ("DT_RPATH", self._dynamic.rpath),
            ("DT_RUNPATH", self._dynamic.runpath),
        ):
            self._scan.words(value.split(b":"), place)

    def _hardening(self, kind: str) -> tuple[tuple[str, str], ...]:
        elf = self._elf
        dynamic = self._dynamic or Dynamic()
        relro = any(segment.kind == PT_GNU_RELRO for segment in elf.segments)
        stack = next((s for s in elf.segments if s.kind == PT_GNU_STACK), None)
        # Without the header Linux makes it executable where the ABI is that old.
        executable_stack = stack.flags & 1 if stack is not None else elf.machine in (3, 62)
        facts = []
        if kind == "executable":
            facts.append(("pie", "yes" if elf.kind == ET_DYN else "no"))
        # A static program has nothing to bind later.
        bound = dynamic.bind_now or not dynamic.strings
        facts.append(("relro", ("full" if bound else "partial") if relro else "no"))
        facts.append(("nx", "no" if executable_stack else "yes"))
        if any(s.kind == PT_LOAD and s.flags & 3 == 3 for s in elf.segments):
            facts.append(("writable code", "yes"))
        if dynamic.strings:
            canary = b"\0__stack_chk_fail\0" in dynamic.strings
            facts.append(("canary", "yes" if canary else "no"))
            facts.append(("fortify", "yes" if b"_chk\0" in _without_canary(dynamic) else "no"))
        return tuple(facts)


def _without_canary(dynamic: Dynamic) -> bytes:
    return dynamic.strings.replace(b"__stack_chk_fail\0", b"\0")


def _holds_texts(section: Section) -> bool:
    if section.kind == SHT_NOBITS or section.size == 0:
        return False
    if section.flags & (SHF_ALLOC | SHF_EXECINSTR) == SHF_ALLOC:
        return section.kind == SHT_PROGBITS and not section.name.startswith(_TABLES)
    return section.name in _TEXT_SECTIONS
