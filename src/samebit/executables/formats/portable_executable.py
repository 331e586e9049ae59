"""Windows programs and libraries: the headers (Microsoft, "PE Format")."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from samebit.executables import go_build_info
from samebit.executables.architectures import PE
from samebit.executables.inspect import Context
from samebit.executables.source import FormatError, Source, unpack
from samebit.executables.text_scan import TextScan
from samebit.executables.traces import BUILD_ID, VCS_STAMP, Traces, text
from samebit.model.executable import Executable

NAME = "pe"
MAGICS = (b"MZ",)

_HEADER = struct.Struct("<4sHHIIIHH")
_DEBUG = struct.Struct("<IIHHIIII")
_SECTION = struct.Struct("<8sIIIIIIHHI")
_MAX_SECTIONS = 96
_SUBSYSTEMS = {1: "native", 2: "Windows GUI", 3: "Windows console", 10: "EFI application"}
_CODEVIEW, _REPRO = 2, 16
_DEBUG_DIRECTORY, _EXPORT_DIRECTORY, _CLR_DIRECTORY = 6, 0, 14


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
        start = int.from_bytes(source.read(60, 4), "little")
        row = unpack(source, _HEADER, start)
        if row[0] != b"PE\0\0":
            raise FormatError("it has no PE header")
        self._machine, self._count, self._stamp = row[1], row[2], row[3]
        self._characteristics = row[7]
        self._optional = start + _HEADER.size
        self._optional_size = row[6]
        if self._count > _MAX_SECTIONS:
            raise FormatError(f"it claims {self._count} sections")
        table = self._optional + self._optional_size
        self._sections = [
            unpack(source, _SECTION, table + number * _SECTION.size)
            for number in range(self._count)
        ]

    def executable(self) -> Executable:
        traces = self._traces
        magic = int.from_bytes(self._source.read(self._optional, 2), "little")
        wide = magic == 0x20B
        if magic not in (0x10B, 0x20B):
            raise FormatError("its optional header is unknown")
        flags = int.from_bytes(self._source.read(self._optional + 70, 2), "little")
        subsystem = int.from_bytes(self._source.read(self._optional + 68, 2), "little")
        linker = self._source.read(self._optional + 2, 2)
        build_ids: list[tuple[str, str]] = []
        repro = False
        with traces.reading("debug directory"):
            for kind, stamp, size, place in self._debug_entries(wide=wide):
                if kind == _REPRO:
                    repro = True
                elif kind == _CODEVIEW:
                    build_ids += self._codeview(place, size)
                if stamp and stamp != self._stamp:
                    traces.add_time(stamp, "debug directory")
        if repro:
            build_ids.append(("pe", f"{self._stamp:08x}"))
        else:
            traces.add_time(self._stamp, "TimeDateStamp")
        with traces.reading("export directory"):
            self._exports(wide=wide, repro=repro)
        details = [("subsystem", _SUBSYSTEMS.get(subsystem, str(subsystem)))]
        toolchain = [f"linker {linker[0]}.{linker[1]}"]
        language = "dotnet" if self._directory(_CLR_DIRECTORY, wide=wide)[0] else None
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
            "shared library" if self._characteristics & 0x2000 else "executable",
            architecture=PE.get(self._machine, f"machine {self._machine:#x}"),
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

    def _directory(self, number: int, *, wide: bool) -> tuple[int, int]:
        base = 112 if wide else 96
        if base + 8 * number + 8 > self._optional_size:
            return 0, 0
        data = self._source.read(self._optional + base + 8 * number, 8)
        return int.from_bytes(data[:4], "little"), int.from_bytes(data[4:], "little")

    def _place(self, address: int) -> int:
        for _, size, start, raw_size, raw, *_ in self._sections:
            if start <= address < start + max(size, raw_size):
                return int(raw + address - start)
        raise FormatError(f"address {address:#x} is in no section")

    def _debug_entries(self, *, wide: bool) -> Iterator[tuple[int, int, int, int]]:
        address, size = self._directory(_DEBUG_DIRECTORY, wide=wide)
        if not address:
            return
        place = self._place(address)
        for number in range(min(size // _DEBUG.size, 64)):
            row = unpack(self._source, _DEBUG, place + number * _DEBUG.size)
            yield row[4], row[1], row[5], row[7]

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

    def _exports(self, *, wide: bool, repro: bool) -> None:
        address, size = self._directory(_EXPORT_DIRECTORY, wide=wide)
        if address and size >= 8 and not repro:
            place = self._place(address)
            stamp = int.from_bytes(self._source.read(place + 4, 4), "little")
            if stamp not in (0xFFFFFFFF, self._stamp):
                self._traces.add_time(stamp, "export directory")

    def _go(self) -> go_build_info.GoBuildInfo | None:
        for _, _, _, raw_size, raw, *_ in self._sections:
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
