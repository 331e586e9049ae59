"""Python bytecode (PEP 3147, PEP 552): the version, the header, the path of the source."""

from __future__ import annotations

import posixpath
import re
import struct
from collections.abc import Iterator

from samebit.executables.inspect import Context
from samebit.executables.source import Source, unpack
from samebit.executables.traces import BUILD_PATH, MALFORMED, Traces
from samebit.model.executable import Executable

NAME = "python-bytecode"
# The third and fourth byte are a line end on purpose; the first two are the version.
MAGICS = tuple(bytes((low, high)) for high in range(0x0B, 0x10) for low in range(256))

_HEADER = struct.Struct("<HHIII")
_MAX_CODE = 64 << 20
# CPython's Include/internal/pycore_magic_number.h: the first number of each release's range.
_VERSIONS = (
    (3000, "3.0"), (3151, "3.1"), (3160, "3.2"), (3190, "3.3"), (3250, "3.4"), (3320, "3.5"),
    (3360, "3.6"), (3390, "3.7"), (3400, "3.8"), (3420, "3.9"), (3430, "3.10"), (3450, "3.11"),
    (3500, "3.12"), (3550, "3.13"), (3600, "3.14"), (3650, "3.15"), (3700, "after 3.15"),
)  # fmt: skip
_FIRST_WITH_SIZE, _FIRST_WITH_FLAGS = 3190, 3390
_CHECKED = {0: "mtime", 1: "hash, unchecked", 3: "hash, checked"}
_NAME_END = re.compile(rb"\.py(?![\w.-])")


def recognise(head: bytes, path: bytes) -> bool:
    """Ask for the line end and the name: two bytes alone could begin anything."""
    return head[2:4] == b"\r\n" and path.endswith((b".pyc", b".pyo"))


def inspect(source: Source, context: Context) -> Executable:
    """Read the header and the names of source files. Raises FormatError."""
    traces = Traces(context.epoch)
    magic, _, first, second, _ = unpack(source, _HEADER, 0)
    version = next(name for start, name in reversed(_VERSIONS) if magic >= start)
    details = [("magic", str(magic))]
    start = 16
    if magic >= _FIRST_WITH_FLAGS:
        flags, seconds = first, second
        checked = _CHECKED.get(flags)
        if checked is None:
            traces.add(MALFORMED, f"flags {flags:#x} are unknown", "header")
        details.append(("checked by", checked or "unknown"))
        timed = flags == 0
    else:
        seconds, timed = first, True
        start = 12 if magic >= _FIRST_WITH_SIZE else 8
        details.append(("checked by", "mtime"))
    if timed:
        traces.add_time(seconds, "source mtime in the header")
    origins = _origins(context.path)
    data = source.read(start, min(source.size, _MAX_CODE) - start) if source.size > start else b""
    if not data:
        traces.add(MALFORMED, "there is no code after the header", "")
    for name in dict.fromkeys(_source_names(data)):
        if name.startswith(b"/") and name not in origins:
            traces.add(BUILD_PATH, name, "co_filename")
    return Executable(
        NAME,
        "bytecode",
        language="python",
        toolchain=(f"Python {version}",),
        details=tuple(details),
        traces=traces.all(),
    )


def _origins(path: bytes) -> frozenset[bytes]:
    """Give where the source of bytecode at `path` stands, as an absolute path."""
    folder, name = posixpath.split(b"/" + path)
    stem = name.rpartition(b".")[0]
    if posixpath.basename(folder) == b"__pycache__":
        folder = posixpath.dirname(folder)
        stem = re.sub(rb"\.[\w-]+(\.opt-\w+)?\Z", b"", stem)
    found = posixpath.join(folder, stem + b".py")
    # Merged /usr: both spellings are the same file.
    other = found[4:] if found.startswith(b"/usr/lib") else found
    return frozenset((found, other))


def _source_names(data: bytes) -> Iterator[bytes]:
    """Give every text that is as a whole the name of a source file (Python/marshal.c)."""
    for match in _NAME_END.finditer(data):
        end = match.end()
        for length in range(4, min(256, end)):
            begin = end - length
            if data[begin - 1] == length and begin >= 2 and data[begin - 2] & 0x7F in b"zZ":
                yield data[begin:end]
                break
        else:
            window = data[max(0, end - 4101) : end]
            for kind in (b"a", b"A", b"u", b"t", b"\xe1", b"\xc1", b"\xf5", b"\xf4"):
                at = window.rfind(kind)
                if (
                    at >= 0
                    and int.from_bytes(window[at + 1 : at + 5], "little") == len(window) - at - 5
                ):
                    yield window[at + 5 :]
                    break
