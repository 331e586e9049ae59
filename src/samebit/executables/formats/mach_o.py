"""macOS programs and libraries: the headers (mach-o/loader.h, mach-o/fat.h)."""

from __future__ import annotations

import struct

from samebit.executables.architectures import MACHO
from samebit.executables.class_file import FIRST_MAJOR
from samebit.executables.inspect import Context
from samebit.executables.source import FormatError, PartSource, Source, unpack
from samebit.executables.traces import BUILD_ID, SYMBOLS, Traces, text
from samebit.model.executable import Executable, Linkage, Linking, Trace

NAME = "mach-o"
_ORDERS = {
    b"\xfe\xed\xfa\xce": (">", 28), b"\xfe\xed\xfa\xcf": (">", 32),
    b"\xce\xfa\xed\xfe": ("<", 28), b"\xcf\xfa\xed\xfe": ("<", 32),
}  # fmt: skip
_FAT = {b"\xca\xfe\xba\xbe": struct.Struct(">IIIII"), b"\xca\xfe\xba\xbf": struct.Struct(">IIQQII")}
MAGICS = (*_ORDERS, *_FAT)

_MAX_COMMANDS = 10_000
_MAX_COMMAND_BYTES = 8 << 20
_KINDS = {
    1: "object",
    2: "executable",
    6: "shared library",
    8: "shared library",
    10: "separate debug information",
}
_PLATFORMS = {1: "macOS", 2: "iOS", 3: "tvOS", 4: "watchOS", 6: "Mac Catalyst"}
_SYMTAB, _ID_DYLIB, _LOAD_DYLIB, _DYLINKER, _UUID, _BUILD_VERSION = 2, 13, 12, 14, 27, 50
_WEAK_DYLIB, _VERSION_MIN, _PIE = 0x80000018, 0x24, 0x200000


def recognise(head: bytes, path: bytes) -> bool:
    """Tell a fat file from a JVM class, which has the same magic."""
    del path
    return head[:4] not in _FAT or int.from_bytes(head[4:8], "big") < FIRST_MAJOR


def inspect(source: Source, context: Context) -> Executable:
    """Read the headers of a file, or of every part of a fat one. Raises FormatError."""
    layout = _FAT.get(source.read(0, 4))
    if layout is None:
        return _thin(source, context)
    count = int.from_bytes(source.read(4, 4), "big")
    parts = []
    for number in range(count):
        _, _, offset, size, *_ = unpack(source, layout, 8 + number * layout.size)
        parts.append(_thin(PartSource(source, offset, size), context))
    if not parts:
        raise FormatError("it has no parts")
    traces = [
        Trace(trace.finding, trace.value, f"{part.architecture}: {trace.place}")
        for part in parts
        for trace in part.traces
    ]
    first = parts[0]
    return Executable(
        NAME,
        first.kind,
        architecture=" ".join(part.architecture for part in parts),
        toolchain=tuple(dict.fromkeys(line for part in parts for line in part.toolchain)),
        linking=first.linking,
        stripped=first.stripped,
        build_ids=tuple(pair for part in parts for pair in part.build_ids),
        hardening=first.hardening,
        details=first.details,
        traces=tuple(traces),
    )


def _thin(source: Source, context: Context) -> Executable:
    order_size = _ORDERS.get(source.read(0, 4))
    if order_size is None:
        raise FormatError("a part has an unknown magic")
    order, size = order_size
    _, machine, _, kind, count, length, flags = unpack(source, struct.Struct(order + "7I"), 0)
    if count > _MAX_COMMANDS or length > _MAX_COMMAND_BYTES:
        raise FormatError("it has too many load commands")
    commands = source.read(size, length)
    traces = Traces(context.epoch)
    build_ids: list[tuple[str, str]] = []
    details: list[tuple[str, str]] = []
    needed: list[bytes] = []
    toolchain: list[str] = []
    interpreter = None
    symbols = False
    at = 0
    word = struct.Struct(order + "I")
    for _ in range(count):
        if at + 8 > len(commands):
            raise FormatError("its load commands are cut off")
        command, step = struct.unpack_from(order + "II", commands, at)
        if step < 8 or at + step > len(commands):
            raise FormatError("a load command has an impossible size")
        body = commands[at : at + step]
        at += step
        numbers = [number for (number,) in word.iter_unpack(body[: len(body) // 4 * 4])]
        if command == _UUID and len(body) >= 24:
            build_ids.append(("uuid", body[8:24].hex()))
            traces.add(BUILD_ID, f"UUID {body[8:24].hex()}", "LC_UUID")
        elif command in (_LOAD_DYLIB, _WEAK_DYLIB, _ID_DYLIB) and len(numbers) >= 6:
            name = body[numbers[2] :].split(b"\0", 1)[0]
            if command != _ID_DYLIB:
                needed.append(name)
            # The linker writes 1 or 2: "no time".
            if numbers[3] > 2:
                traces.add_time(numbers[3], f"time of {text(name)}")
        elif command == _DYLINKER and len(numbers) >= 3:
            interpreter = body[numbers[2] :].split(b"\0", 1)[0]
        elif command == _BUILD_VERSION and len(numbers) >= 6:
            platform = _PLATFORMS.get(numbers[2], f"platform {numbers[2]}")
            details.append(("platform", f"{platform} {_version(numbers[3])}"))
            toolchain.append(f"SDK {_version(numbers[4])}")
        elif command == _VERSION_MIN and len(numbers) >= 4:
            details.append(("platform", f"macOS {_version(numbers[2])}"))
        elif command == _SYMTAB and len(numbers) >= 4 and numbers[3] and kind == 2:
            symbols = True
    if symbols:
        traces.add(SYMBOLS, "a symbol table", "LC_SYMTAB")
    return Executable(
        NAME,
        _KINDS.get(kind, "other"),
        architecture=MACHO.get(machine, f"machine {machine:#x}"),
        toolchain=tuple(toolchain),
        linking=(Linking.DYNAMIC if needed or interpreter else Linking.STATIC)
        if kind == 2
        else None,
        linkage=Linkage((0, 0, machine), interpreter, tuple(needed)),
        stripped=not symbols if kind == 2 else None,
        build_ids=tuple(build_ids),
        hardening=(("pie", "yes" if flags & _PIE else "no"),) if kind == 2 else (),
        details=tuple(details),
        traces=traces.all(),
    )


def _version(number: int) -> str:
    return f"{number >> 16}.{number >> 8 & 255}.{number & 255}"
