"""Windows programs and libraries: the headers (Microsoft, "PE Format")."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.executables import go_build_info
from samebit.executables.architectures import PE
from samebit.executables.inspect import Context
from samebit.executables.pe_file import CLR, CODEVIEW, EXPORTS, REPRO, PeFile
from samebit.executables.source import FormatError, Source
from samebit.executables.text_scan import TextScan
from samebit.executables.traces import BUILD_ID, VCS_STAMP, Traces, text
from samebit.model.executable import Executable

NAME = "pe"
MAGICS = (b"MZ",)

_SUBSYSTEMS = {1: "native", 2: "Windows GUI", 3: "Windows console", 10: "EFI application"}


def recognise(head: bytes, path: bytes) -> bool:
    """Take what names a header that can be there."""
    del path
    return len(head) == 64 and 64 <= int.from_bytes(head[60:64], "little") < 1 << 20


def inspect(source: Source, context: Context) -> Executable:
    """Read the headers. Raises FormatError."""
    return _Reader(source, context).executable()


class _Reader:
    def __init__(self, source: Source, context: Context) -> None:
        self._source = source
        self._traces = Traces(context.epoch)
        self._scan = TextScan(self._traces, context.rules)
        self._file = PeFile(source)

    def executable(self) -> Executable:
        traces = self._traces
        file = self._file
        file.directories()
        flags = int.from_bytes(self._source.read(file.optional + 70, 2), "little")
        subsystem = int.from_bytes(self._source.read(file.optional + 68, 2), "little")
        linker = self._source.read(file.optional + 2, 2)
        build_ids: list[tuple[str, str]] = []
        repro = False
        with traces.reading("debug directory"):
            for entry in file.debug_entries():
                if entry.kind == REPRO:
                    repro = True
                elif entry.kind == CODEVIEW:
                    build_ids += self._codeview(entry.place, entry.size)
                if entry.stamp and entry.stamp != file.stamp:
                    traces.add_time(entry.stamp, "debug directory")
        if repro:
            build_ids.append(("pe", f"{self._file.stamp:08x}"))
        else:
            traces.add_time(self._file.stamp, "TimeDateStamp")
        with traces.reading("export directory"):
            self._exports(repro=repro)
        details = [("subsystem", _SUBSYSTEMS.get(subsystem, str(subsystem)))]
        toolchain = [f"linker {linker[0]}.{linker[1]}"]
        language = "dotnet" if file.directory(CLR)[0] else None
        with traces.reading("Go build information"):
            info = self._go()
            if info is not None:
                language = "go"
                toolchain.insert(0, text(b"Go " + info.version))
                for name, value in info.settings():
                    if name.startswith(b"vcs."):
                        traces.add(VCS_STAMP, name + b"=" + value, f"Go setting {text(name)}")
        return Executable(
            NAME,
            "shared library" if self._file.characteristics & 0x2000 else "executable",
            architecture=PE.get(self._file.machine, f"machine {self._file.machine:#x}"),
            language=language,
            toolchain=tuple(toolchain),
            build_ids=tuple(build_ids),
            hardening=(
                ("pie", "yes" if flags & 0x40 else "no"),
                ("nx", "yes" if flags & 0x100 else "no"),
            ),
            details=tuple(details),
            traces=traces.all(),
        )

    def _codeview(self, place: int, size: int) -> Iterator[tuple[str, str]]:
        """Read the name of the PDB file and what says which one ("RSDS")."""
        data = self._source.read(place, min(size, 4096))
        if data[:4] == b"RSDS" and len(data) >= 24:
            path = data[24:].split(b"\0", 1)[0]
            identity = data[4:20].hex()
            self._traces.add(BUILD_ID, f"PDB {identity}", "debug directory")
            # Windows paths too: a drive is as good as a root.
            if path[1:3] == b":\\" or path.startswith(b"/"):
                self._scan.path(b"/" + path.lstrip(b"/"), "PDB path")
            yield "pdb", identity

    def _exports(self, *, repro: bool) -> None:
        address, size = self._file.directory(EXPORTS)
        if address and size >= 8 and not repro:
            place = self._file.place(address)
            stamp = int.from_bytes(self._source.read(place + 4, 4), "little")
            if stamp not in (0xFFFFFFFF, self._file.stamp):
                self._traces.add_time(stamp, "export directory")

    def _go(self) -> go_build_info.GoBuildInfo | None:
        for _, _, raw_size, raw in self._file.sections:
            if not raw_size or raw + raw_size > self._source.size:
                continue
            at = go_build_info.find_build_info(self._source, raw, raw_size)
            if at is not None:
                return go_build_info.read_build_info(
                    self._source, at, raw + raw_size - at, self._no_address
                )
        return None

    @staticmethod
    def _no_address(address: int) -> int:
        raise FormatError(f"address {address:#x}: programs of Go before 1.18 are not read")
