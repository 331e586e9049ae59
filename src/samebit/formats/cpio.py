"""cpio archives in the portable forms (`cpio -H newc`, `crc` and `odc`): times and inode numbers.

Inode and device numbers are those of the machine that made the archive; readers use them only to
find hard links. They become 1, 2, 3 in order, as `cpio --reproducible` does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from samebit.formats.streams import MalformedError, Sink, at, patched

MAGICS = (b"070701", b"070702", b"070707")
_TRAILER = b"TRAILER!!!\0"
# Each takes memory.
_MAX_MEMBERS = 200_000


@dataclass(frozen=True, slots=True)
class _Form:
    """Offsets and widths of a header's fields, which are digits of `base`."""

    header: int
    base: int
    inode: tuple[int, int]
    devices: tuple[tuple[int, int], ...]
    mtime: tuple[int, int]
    name_size: tuple[int, int]
    size: tuple[int, int]
    alignment: int


_NEW = _Form(110, 16, (6, 8), ((62, 8), (70, 8)), (46, 8), (94, 8), (54, 8), 4)
_OLD = _Form(76, 8, (12, 6), ((6, 6),), (48, 11), (59, 6), (65, 11), 1)
_FORMS = {b"070701": _NEW, b"070702": _NEW, b"070707": _OLD}


def rewrite_cpio(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Set every time to `epoch` (seconds) and number the inodes; what follows the archive stays."""
    return patched(source, size, list(_patches(source, size, epoch)), sink)


def _patches(source: BinaryIO, size: int, epoch: int) -> Iterator[tuple[int, bytes]]:
    offset = 0
    numbers: dict[tuple[int, ...], int] = {}
    for _ in range(_MAX_MEMBERS):
        form = _FORMS.get(at(source, offset, 6))
        if form is None:
            raise MalformedError("not a cpio header")
        header = at(source, offset, form.header)
        name_size = _number(header, form.name_size, form.base)
        length = _number(header, form.size, form.base)
        data = _aligned(offset + form.header + name_size, form)
        if data + length > size or not 0 < name_size <= 65536:
            raise MalformedError("a cpio member that ends after the file")
        name = at(source, offset + form.header, name_size)
        if name == _TRAILER:
            return
        identity = tuple(_number(header, field, form.base) for field in (form.inode, *form.devices))
        number = numbers.setdefault(identity, len(numbers) + 1)
        values = [(form.inode, number), (form.mtime, epoch)]
        # The devices of device files themselves are other fields.
        values += [(field, 0) for field in form.devices]
        for (start, width), value in sorted(values):
            yield offset + start, _digits(value, width, form.base)
        offset = _aligned(data + length, form)
    raise MalformedError("too many cpio members")


def _aligned(offset: int, form: _Form) -> int:
    return offset + -offset % form.alignment


def _number(header: bytes, field: tuple[int, int], base: int) -> int:
    start, width = field
    digits = header[start : start + width]
    try:
        return int(digits, base) if digits.isalnum() else int(b"!")
    except ValueError:
        raise MalformedError("a number in a cpio header") from None


def _digits(value: int, width: int, base: int) -> bytes:
    text = b"%0*X" % (width, value) if base == 16 else b"%0*o" % (width, value)
    if len(text) > width:
        raise MalformedError("a number too large for a cpio header")
    return text
