"""Reading a tar archive's members (POSIX.1-2017 pax and ustar, GNU, and what was before POSIX)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from samebit.canonical.pax import MAX_RECORDS, decode_records
from samebit.canonical.tar import BLOCK
from samebit.errors import InputError
from samebit.formats.streams import MalformedError, at, exactly

ZEROS = bytes(BLOCK)
LINK = b"1"
DIRECTORY = b"5"
_TIMES = (b"mtime", b"atime", b"ctime", b"LIBARCHIVE.creationtime")
_EXTENDED = b"xg"
_LONG = b"LK"
_HEADER_ONLY = b"123456"
_PLAIN = b"\x0001234567S"
_USTAR = b"ustar\x00"


@dataclass(frozen=True, slots=True)
class Records:
    """A pax header: its block, its content, the records that are no times, whether any were."""

    block: bytes
    data: bytes
    kept: tuple[tuple[bytes, bytes], ...]
    had_times: bool


@dataclass(frozen=True, slots=True)
class Long:
    """GNU's way to give a long name: a block of its own with the name as content."""

    block: bytes
    text: bytes


@dataclass(frozen=True, slots=True)
class Member:
    """A member with what stands before its header; offsets and sizes in bytes."""

    before: tuple[Records | Long, ...]
    block: bytes
    content_at: int
    size: int
    end: int

    @property
    def name(self) -> bytes:
        """Its name as the last header that says it has it."""
        prefix = b""
        if self.block[257:263] == _USTAR and (prefix := _text(self.block[345:500])):
            prefix += b"/"
        return self._said(b"path", b"L") or prefix + _text(self.block[:100])

    @property
    def link(self) -> bytes:
        """What a link points to."""
        return self._said(b"linkpath", b"K") or _text(self.block[157:257])

    @property
    def flag(self) -> bytes:
        """What kind of member it is."""
        return self.block[156:157]

    @property
    def is_directory(self) -> bool:
        """Tell whether it is a directory; before POSIX a slash said it."""
        return self.flag == DIRECTORY or (self.flag in (b"\0", b"0") and self.name.endswith(b"/"))

    @property
    def is_global(self) -> bool:
        """Tell whether a pax header before it speaks of all that follow."""
        return any(each.block[156:157] == b"g" for each in self.before)

    @property
    def is_short(self) -> bool:
        """Tell whether its block alone names it."""
        prefixed = self.block[257:263] == _USTAR and self.block[345] != 0
        return not prefixed and all(
            isinstance(each, Records) and not each.kept for each in self.before
        )

    def _said(self, keyword: bytes, flag: bytes) -> bytes:
        found = b""
        for each in self.before:
            if isinstance(each, Records):
                found = dict(each.kept).get(keyword, found)
            elif each.block[156:157] == flag:
                found = each.text.rstrip(b"\0")
        return found


def read_member(source: BinaryIO, offset: int, size: int) -> Member | None:
    """Read the member at `offset` of an archive of `size` bytes, None behind the last.

    Raises MalformedError for what is no member, or one of a kind that is not understood.
    """
    before: list[Records | Long] = []
    while True:
        if offset >= size and not before:
            return None
        block = at(source, offset, BLOCK)
        offset += BLOCK
        if block == ZEROS and not before:
            return None
        if not is_valid(block):
            raise MalformedError("a tar header with another checksum")
        flag = block[156:157]
        if flag not in _EXTENDED + _LONG:
            break
        length = number(block[124:136])
        if length > MAX_RECORDS:
            raise MalformedError("a tar header of more than 1 MiB")
        padded = length + -length % BLOCK
        data = exactly(source, padded)[:length]
        offset += padded
        before.append(Long(block, data) if flag in _LONG else _records(block, data))
    if flag not in _PLAIN:
        raise MalformedError("an unknown kind of tar member")
    if flag == b"S" and block[482] == 1:
        raise MalformedError("a tar member with many holes")
    length = 0 if flag in _HEADER_ONLY else number(block[124:136])
    length += -length % BLOCK
    if offset + length > size:
        raise MalformedError("truncated")
    return Member(tuple(before), block, offset, length, offset + length)


def is_header(block: bytes) -> bool:
    """Tell whether an archive's first 512 bytes are a header; before POSIX it had no magic."""
    return len(block) == BLOCK and block[0] != 0 and is_valid(block)


def is_valid(block: bytes) -> bool:
    """Tell whether a header's checksum is right."""
    try:
        return number(block[148:156]) == checksum(block)
    except MalformedError:
        return False


def checksum(block: bytes) -> int:
    """Add a header's bytes with the checksum's own as spaces."""
    return sum(block) - sum(block[148:156]) + 8 * 32


def number(field: bytes) -> int:
    """Read a number of a header, octal or GNU's base 256. Raises MalformedError."""
    if field[0] & 0x80:
        if field[0] != 0x80:
            raise MalformedError("a negative number in a tar header")
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0")[0].strip(b" ")
    if not digits:
        return 0
    if not digits.isdigit():
        raise MalformedError("a number in a tar header")
    try:
        return int(digits, 8)
    except ValueError:
        raise MalformedError("a number in a tar header") from None


def _records(block: bytes, data: bytes) -> Records:
    try:
        records = list(decode_records(data, "tar"))
    except InputError:
        raise MalformedError("malformed pax records") from None
    if any(keyword in (b"size", b"GNU.sparse.major") for keyword, _ in records):
        raise MalformedError("a tar member whose size only pax records say")
    kept = tuple((keyword, value) for keyword, value in records if keyword not in _TIMES)
    return Records(block, data, kept, len(kept) != len(records))


def _text(field: bytes) -> bytes:
    return field.partition(b"\0")[0]
