"""Tar archives (POSIX.1-2017 ustar and pax, GNU): the times of their members, and nothing else.

Order, owners and modes are what the command that made the archive was asked for. pax records of
times go: the time in the header, which then holds, is whole seconds.
"""

from __future__ import annotations

import re
from typing import BinaryIO

from samebit.canonical.pax import MAX_RECORDS, decode_records, encode_records
from samebit.canonical.tar import BLOCK
from samebit.errors import InputError
from samebit.formats.streams import MalformedError, Sink, copy, exactly

MAGIC_AT = 257
MAGIC = b"ustar"
_TIMES = (b"mtime", b"atime", b"ctime", b"LIBARCHIVE.creationtime")
_ZEROS = bytes(BLOCK)
_RECORD = 20 * BLOCK
_MAX_MTIME = 0o77777777777
# GNU tar before 1.33 names a pax header after the process that wrote it.
_GNU_TIMES = re.compile(rb"(?:[0-7]{11}\0|\0{12}){2}")
_PROCESS = re.compile(rb"PaxHeaders\.\d+/")
_EXTENDED = b"xg"
_LONG = b"LK"
_HEADER_ONLY = b"123456"
_PLAIN = b"\x0001234567S"


def rewrite_tar(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Write the archive with `epoch` (seconds) as the time of every member.

    An archive that ended at a multiple of tar's record of 10240 bytes still does.
    """
    writer = _Writer(source, size, sink, min(epoch, _MAX_MTIME))
    writer.run()
    return writer.changed


def is_header(block: bytes) -> bool:
    """Tell whether an archive's first 512 bytes are a header; before POSIX it had no magic."""
    return len(block) == BLOCK and block[0] != 0 and _is_valid(block)


class _Writer:
    def __init__(self, source: BinaryIO, size: int, sink: Sink, epoch: int) -> None:
        self._source = source
        self._size = size
        self._sink = sink
        self._epoch = epoch
        self._read = 0
        self._written = 0
        self.changed = False

    def run(self) -> None:
        members = 0
        while (block := self._block()) is not None and block != _ZEROS:
            if not _is_valid(block):
                raise MalformedError("a tar header with another checksum")
            flag = block[156:157]
            if flag in _EXTENDED:
                self._extended(block)
                continue
            if flag not in _PLAIN and flag not in _LONG:
                raise MalformedError("an unknown kind of tar member")
            if flag == b"S" and block[482] == 1:
                raise MalformedError("a tar member with many holes")
            self._header(block)
            if flag not in _HEADER_ONLY:
                self._content(_number(block[124:136]))
            members += 1
        if not members:
            raise MalformedError("not a tar archive")
        self._end(block)

    def _block(self) -> bytes | None:
        data = self._source.read(BLOCK)
        self._read += len(data)
        if not data:
            return None
        if len(data) != BLOCK:
            raise MalformedError("truncated")
        return data

    def _put(self, data: bytes) -> None:
        self._sink(data)
        self._written += len(data)

    def _content(self, length: int) -> None:
        length += -length % BLOCK
        if self._read + length > self._size:
            raise MalformedError("truncated")
        copy(self._source, length, self._sink)
        self._read += length
        self._written += length

    def _header(self, block: bytes) -> None:
        new = _with(block, 136, b"%011o\0" % self._epoch)
        if block[257:265] == b"ustar  \0" and _GNU_TIMES.fullmatch(block[345:369]):
            # GNU's own fields for access and change times; Go once wrote part of the name there.
            new = _with(new, 345, bytes(24))
        new = _checked(new) if new != block else block
        self.changed = self.changed or new != block
        self._put(new)

    def _extended(self, block: bytes) -> None:
        length = _number(block[124:136])
        if length > MAX_RECORDS:
            raise MalformedError("a pax header of more than 1 MiB")
        data = exactly(self._source, length + -length % BLOCK)[:length]
        self._read += length + -length % BLOCK
        try:
            records = list(decode_records(data, "tar"))
        except InputError:
            raise MalformedError("malformed pax records") from None
        if any(keyword in (b"size", b"GNU.sparse.major") for keyword, _ in records):
            raise MalformedError("a tar member whose size only pax records say")
        kept = [(keyword, value) for keyword, value in records if keyword not in _TIMES]
        new = _with(block, 136, b"%011o\0" % self._epoch)
        new = _with(new, 0, _PROCESS.sub(b"PaxHeaders/", block[:100]).ljust(100, b"\0"))
        if len(kept) != len(records):
            self.changed = True
            if not kept:
                return
            data = encode_records(kept)
            new = _with(new, 124, b"%011o\0" % len(data))
        if new != block:
            new = _checked(new)
            self.changed = True
        self._put(new)
        self._put(data + bytes(-len(data) % BLOCK))

    def _end(self, block: bytes | None) -> None:
        if self.changed and block is not None and self._size % _RECORD == 0:
            rest = self._source.read(_RECORD + 1)
            if len(rest) <= _RECORD and not rest.strip(b"\0"):
                self._put(_ZEROS)
                self._put(_ZEROS)
                self._put(bytes(-self._written % _RECORD))
                return
            self._source.seek(self._read)
        if block is not None:
            self._put(block)
        copy(self._source, self._size - self._read, self._sink)


def _with(block: bytes, at: int, data: bytes) -> bytes:
    return block[:at] + data + block[at + len(data) :]


def _sum(block: bytes) -> int:
    return sum(block) - sum(block[148:156]) + 8 * 32


def _is_valid(block: bytes) -> bool:
    try:
        return _number(block[148:156]) == _sum(block)
    except MalformedError:
        return False


def _checked(block: bytes) -> bytes:
    return _with(block, 148, b"%06o\0 " % _sum(block))


def _number(field: bytes) -> int:
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
