"""Static libraries: `ar` archives in System V/GNU and BSD form, thin ones too (ar(5)).

Times, owners and modes of members become what `ar D` writes: 0, 0, and 644 or 755. They are of no
use to a linker. Debian packages are `ar` archives too, and never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from samebit.formats.streams import MalformedError, Sink, at, patched

MAGIC = b"!<arch>\n"
THIN_MAGIC = b"!<thin>\n"
_HEADER = 60
_END = b"`\n"
# Members that hold no file: the symbol tables (32 and 64 bits) and the long names of GNU, and the
# symbol tables of BSD, which linkers there compare with the archive's own time.
_SYMBOLS = (b"/               ", b"/SYM64/         ")
_LONG_NAMES = (b"//              ", b"ARFILENAMES/    ")
_BSD_SYMBOLS = b"__.SYMDEF"
_DEBIAN = b"debian-binary"
# Each takes memory.
_MAX_MEMBERS = 200_000


def rewrite_ar(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Set the times, owners and modes of every member.

    The symbol table of a BSD archive gets the epoch (seconds), so that it is as new as the archive.
    """
    magic = source.read(8)
    if magic not in (MAGIC, THIN_MAGIC):
        raise MalformedError("not an ar archive")
    return patched(source, size, list(_patches(source, size, magic == THIN_MAGIC, epoch)), sink)


def _patches(source: BinaryIO, size: int, thin: bool, epoch: int) -> Iterator[tuple[int, bytes]]:
    offset = 8
    for _ in range(_MAX_MEMBERS):
        if offset >= size:
            return
        header = at(source, offset, _HEADER)
        if header[58:] != _END:
            raise MalformedError("an ar member without its mark")
        name = header[:16]
        if offset == 8 and name.startswith(_DEBIAN):
            raise MalformedError("a Debian package")
        length = _number(header[48:58], 10)
        stored = length if not thin or name in _SYMBOLS or name in _LONG_NAMES else 0
        if offset + _HEADER + stored > size:
            raise MalformedError("an ar member that ends after the file")
        if name in _SYMBOLS:
            yield offset + 16, b"%-12d%-6d%-6d" % (0, 0, 0)
        elif name not in _LONG_NAMES:
            mode = 0o755 if _number(header[40:48], 8) & 0o100 else 0o644
            bsd = _is_bsd_symbols(source, offset, name, length)
            yield offset + 16, b"%-12d%-6d%-6d%-8o" % (epoch if bsd else 0, 0, 0, mode)
        offset += _HEADER + stored + stored % 2
    raise MalformedError("too many ar members")


def _is_bsd_symbols(source: BinaryIO, offset: int, name: bytes, length: int) -> bool:
    if name.startswith(b"#1/"):
        # BSD's long names stand before the content.
        return at(source, offset + _HEADER, min(length, 9)) == _BSD_SYMBOLS
    return name.startswith(_BSD_SYMBOLS)


def _number(field: bytes, base: int) -> int:
    digits = field.rstrip(b" ")
    if not digits.isdigit():
        if not digits:
            return 0
        raise MalformedError("a number in an ar header")
    try:
        return int(digits, base)
    except ValueError:
        raise MalformedError("a number in an ar header") from None
