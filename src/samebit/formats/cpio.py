"""cpio archives in the portable forms (`cpio -H newc`, `crc` and `odc`): times, inodes, order.

Inode and device numbers are those of the machine that made the archive; readers use them only to
find hard links. They become 1, 2, 3 in order, as `cpio --reproducible` does it.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from samebit.formats.streams import MalformedError, Sink, at, copy, patched
from samebit.formats.walk_order import MAX_MEMBERS, walk_order

MAGICS = (b"070701", b"070702", b"070707")
_TRAILER = b"TRAILER!!!\0"
_Field = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Form:
    """Offsets and widths of a header's fields, which are digits of `base`.

    `content` are those that belong to the content and not to the file.
    """

    header: int
    base: int
    inode: _Field
    devices: tuple[_Field, ...]
    mode: _Field
    links: _Field
    mtime: _Field
    name_size: _Field
    size: _Field
    content: tuple[_Field, ...]
    alignment: int


# The devices of device files themselves are other fields.
_NEW = _Form(
    header=110,
    base=16,
    inode=(6, 8),
    devices=((62, 8), (70, 8)),
    mode=(14, 8),
    links=(38, 8),
    mtime=(46, 8),
    name_size=(94, 8),
    size=(54, 8),
    content=((54, 8), (102, 8)),
    alignment=4,
)
_OLD = _Form(
    header=76,
    base=8,
    inode=(12, 6),
    devices=((6, 6),),
    mode=(18, 6),
    links=(36, 6),
    mtime=(48, 11),
    name_size=(59, 6),
    size=(65, 11),
    content=((65, 11),),
    alignment=1,
)
_FORMS = {b"070701": _NEW, b"070702": _NEW, b"070707": _OLD}


@dataclass(frozen=True, slots=True)
class _Member:
    """A member; offsets and sizes in bytes. `identity` is the inode with its device."""

    form: _Form
    start: int
    name: bytes
    data: int
    size: int
    end: int
    identity: tuple[int, ...]
    is_directory: bool
    is_linked: bool


def rewrite_cpio(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Set every time to `epoch` (seconds), number the inodes, and put walks in order.

    What follows the archive stays.
    """
    members = list(_members(source, size))
    placed = _sorted(members)
    if placed is None:
        return patched(source, size, list(_patches(members, epoch)), sink)
    numbers: dict[tuple[int, ...], int] = {}
    for member, content in placed:
        header = bytearray(at(source, member.start, member.form.header))
        content_header = at(source, content.start, member.form.header)
        for start, width in member.form.content:
            header[start : start + width] = content_header[start : start + width]
        for start, data in _fields(member, numbers, epoch):
            header[start : start + len(data)] = data
        sink(bytes(header))
        source.seek(member.start + len(header))
        copy(source, member.data - member.start - len(header), sink)
        source.seek(content.data)
        copy(source, content.end - content.data, sink)
    end = members[-1].end
    source.seek(end)
    copy(source, size - end, sink)
    return True


def _members(source: BinaryIO, size: int) -> Iterator[_Member]:
    offset = 0
    for _ in range(MAX_MEMBERS):
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
        end = _aligned(data + length, form)
        mode = _number(header, form.mode, form.base)
        identity = tuple(_number(header, field, form.base) for field in (form.inode, *form.devices))
        is_directory = stat.S_ISDIR(mode)
        is_linked = not is_directory and _number(header, form.links, form.base) > 1
        name = name.rstrip(b"\0")
        yield _Member(form, offset, name, data, length, end, identity, is_directory, is_linked)
        offset = end
    raise MalformedError("too many cpio members")


def _sorted(members: Sequence[_Member]) -> list[tuple[_Member, _Member]] | None:
    """Give the members in the order of a walk, each with that whose content it gets.

    Gives None when they are in order, or must stay as they are.
    """
    # GNU cpio writes a file of several names when it has found the last of them.
    loose = {index for index, member in enumerate(members) if member.is_linked}
    order = walk_order([(member.name, member.is_directory) for member in members], loose)
    if order is None or order == sorted(order) or len({member.form for member in members}) > 1:
        return None
    groups: dict[tuple[int, ...], list[int]] = {}
    for index in order:
        groups.setdefault(members[index].identity, []).append(index)
    contents = list(range(len(members)))
    for group in groups.values():
        # The last of a file's names has the content, in one form; in others every name has it.
        holding = [index for index in group if members[index].size]
        if len(holding) == 1 and len(group) > 1:
            if holding[0] != max(group):
                return None
            last, had = group[-1], holding[0]
            contents[last], contents[had] = had, last
        elif len({members[index].size for index in holding}) > 1 or (
            holding and len(holding) != len(group)
        ):
            return None
    return [(members[index], members[contents[index]]) for index in order]


def _patches(members: Sequence[_Member], epoch: int) -> Iterator[tuple[int, bytes]]:
    numbers: dict[tuple[int, ...], int] = {}
    for member in members:
        for start, data in _fields(member, numbers, epoch):
            yield member.start + start, data


def _fields(
    member: _Member, numbers: dict[tuple[int, ...], int], epoch: int
) -> Iterator[tuple[int, bytes]]:
    """Give the header's new fields in order of their offsets."""
    form = member.form
    number = numbers.setdefault(member.identity, len(numbers) + 1)
    values = [(form.inode, number), (form.mtime, epoch), *((field, 0) for field in form.devices)]
    for (start, width), value in sorted(values):
        yield start, _digits(value, width, form.base)


def _aligned(offset: int, form: _Form) -> int:
    return offset + -offset % form.alignment


def _number(header: bytes, field: _Field, base: int) -> int:
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
