r"""What the Go linker writes into a program: version, modules, settings, build ID, source files.

Go source, debug/buildinfo (the `\xff Go buildinf:` blob), cmd/link (notes), runtime/symtab.go
(the table of functions, .gopclntab).
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from samebit.executables.source import OVERLAP, WINDOW, FormatError, Source, windows

MAGIC = b"\xff Go buildinf:"
_MAX_TEXT = 1 << 20
_SOURCE_END = re.compile(rb"\.(?:go|s|S|c|h|cc|cpp)\0")
# An empty one, and what quotes inside quotes leave: -ldflags "-buildid=''".
_CONSTANT_IDS = (b"", b"''", b'""')


@dataclass(frozen=True, slots=True)
class GoBuildInfo:
    """`version` is the toolchain's, `module` the text of `go version -m`, as it stands."""

    version: bytes
    module: bytes

    def settings(self) -> Iterator[tuple[bytes, bytes]]:
        """Give the build settings in their order."""
        for line in self.module.split(b"\n"):
            kind, _, rest = line.partition(b"\t")
            name, equals, value = rest.partition(b"=")
            if kind == b"build" and equals:
                yield name, _unquoted(value)

    def main(self) -> tuple[bytes, bytes]:
        """Give the main package's path, and its module's version (both may be empty)."""
        path = version = b""
        for line in self.module.split(b"\n"):
            parts = line.split(b"\t")
            if parts[0] == b"path" and len(parts) > 1:
                path = parts[1]
            elif parts[0] == b"mod" and len(parts) > 2:
                version = parts[2]
        return path, version


def is_constant_id(build_id: bytes) -> bool:
    """Say whether a Go build ID carries nothing."""
    return build_id.strip() in _CONSTANT_IDS


def derived_id(build_id: bytes) -> bytes:
    """Give the GNU build ID that the linker makes of a Go build ID (-B gobuildid, Go 1.24).

    Its hash is SHA-256 with the first byte inverted (cmd/internal/hash).
    """
    digest = hashlib.sha256(build_id).digest()[:20]
    return bytes((digest[0] ^ 0xFF,)) + digest[1:]


def read_build_info(
    source: Source, offset: int, size: int, place: Callable[[int], int]
) -> GoBuildInfo | None:
    """Read the blob that starts at `offset`, with `size` bytes up to its section's end.

    `place` turns an address into a place in the file, for programs older than Go 1.18. Raises
    FormatError.
    """
    header = source.read(offset, min(size, 32))
    if len(header) < 32 or not header.startswith(MAGIC):
        return None
    if header[15] & 2:
        version, at = _inline(source, offset + 32, offset + size)
        module, _ = _inline(source, at, offset + size)
    else:
        width = header[14]
        if width not in (4, 8):
            raise FormatError("its pointers have no known size")
        sign = ">" if header[15] & 1 else "<"
        layout = struct.Struct(sign + ("Q" if width == 8 else "I"))
        pointers = [layout.unpack_from(header, 16 + width * number)[0] for number in (0, 1)]
        version, module = (_pointed(source, pointer, layout, place) for pointer in pointers)
    return GoBuildInfo(version, _without_marks(module))


def find_build_info(source: Source, offset: int, size: int) -> int | None:
    """Find the blob in a range, at a multiple of 16; None when it is not there."""
    base = offset
    for window in windows(source, offset, size):
        at = window.find(MAGIC)
        while 0 <= at <= WINDOW:
            if (base + at) % 16 == 0:
                return base + at
            at = window.find(MAGIC, at + 1)
        base += WINDOW
    return None


def source_files(source: Source, offset: int, size: int) -> Iterator[bytes]:
    """Give the names of source files in the table of functions, as they stand. Repeats some."""
    for window in windows(source, offset, size):
        for match in _SOURCE_END.finditer(window):
            if match.start() > WINDOW:
                break
            begin = window.rfind(b"\0", max(0, match.start() - OVERLAP), match.start()) + 1
            yield window[begin : match.end() - 1]


def _inline(source: Source, at: int, end: int) -> tuple[bytes, int]:
    length = shift = 0
    while True:
        if at >= end or shift > 63:
            raise FormatError("the Go build information is cut off")
        byte = source.read(at, 1)[0]
        at += 1
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    if length > _MAX_TEXT:
        raise FormatError("the Go build information is too long")
    return source.read(at, length), at + length


def _pointed(
    source: Source, address: int, layout: struct.Struct, place: Callable[[int], int]
) -> bytes:
    at = place(address)
    (text,) = layout.unpack(source.read(at, layout.size))
    (length,) = layout.unpack(source.read(at + layout.size, layout.size))
    if length > _MAX_TEXT:
        raise FormatError("the Go build information is too long")
    return source.read(place(text), length) if length else b""


def _without_marks(module: bytes) -> bytes:
    # 16 bytes on either side let tools find it in memory; the first line then starts a line.
    if len(module) >= 33 and module[-17:-16] == b"\n":
        return module[16:-16]
    return b""


def _unquoted(value: bytes) -> bytes:
    if value[:1] in (b'"', b"`") and value[-1:] == value[:1] and len(value) > 1:
        return value[1:-1].replace(b'\\"', b'"')
    return value
