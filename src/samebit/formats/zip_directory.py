"""Where everything is in a zip file (APPNOTE.TXT 6.3.10): members, central directory, ends.

Zip64, prepended programs (self-extracting archives, zipapps, jmods) and comments are understood. An
archive whose parts disagree is not: readers would differ about it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from samebit.formats.streams import KeepError, MalformedError, at
from samebit.formats.zip_extra import ZIP64, fields

LOCAL = struct.Struct("<4s5H3I2H")
CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
END64 = struct.Struct("<4sQ2H2I4Q")
LOCATOR = struct.Struct("<4sIQI")
LOCAL_MARK, CENTRAL_MARK = b"PK\x03\x04", b"PK\x01\x02"
_END_MARK, END64_MARK, _LOCATOR_MARK = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07"
_SIGNING_BLOCK = b"APK Sig Block 42"
# All of it is held in memory, taken apart: some 200,000 members.
_MAX_DIRECTORY = 16 << 20
MAX_32 = 0xFFFFFFFF
ENCRYPTED, DESCRIPTOR = 0x0001, 0x0008
_STRONG, _MASKED = 0x0040, 0x2000


@dataclass(slots=True)
class Member:
    """One member. Offsets and sizes are in bytes; `start` counts from the start of the file.

    `record` is the central record with name, extra field and comment; `header` the local header
    with name and extra field. `end` is where the member's data (and descriptor) ends.
    """

    name: bytes
    record: bytes
    start: int
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    header: bytes = b""
    end: int = 0

    @property
    def extra(self) -> bytes:
        """The central record's extra field."""
        name, extra = struct.unpack_from("<HH", self.record, 28)
        return self.record[46 + name : 46 + name + extra]


@dataclass(frozen=True, slots=True)
class Directory:
    """A whole archive: what precedes the first member, the members in their order in the directory.

    `base` is what has to be added to the offsets that the archive states. `tail` is everything from
    the end of the central directory on. `tiled` says that members follow each other without gaps
    and in any order fill everything between `prefix` and the directory at `start`.
    """

    members: Sequence[Member]
    prefix: int
    base: int
    start: int
    end: int
    tail: bytes
    tiled: bool


def read_directory(source: BinaryIO, size: int) -> Directory:
    """Find everything in the archive.

    Raises MalformedError for what is no zip file or contradicts itself, KeepError for one that is
    signed or encrypted as a whole.
    """
    count, length, stated, start = _find_end(source, size)
    if length > _MAX_DIRECTORY:
        raise MalformedError("a central directory of more than 16 MiB")
    base = start - stated
    if base < 0 or start < 0:
        raise MalformedError("a central directory that is not where it should be")
    if start >= 16 and at(source, start - 16, 16) == _SIGNING_BLOCK:
        raise KeepError("the package is signed (APK signing block)")
    members = _central_records(at(source, start, length), count, base)
    _read_headers(source, members, start)
    order = sorted(members, key=lambda member: member.start)
    prefix = order[0].start if order else start
    tiled = _find_ends(source, order, start)
    source.seek(start + length)
    tail = source.read(size - start - length)
    return Directory(members, prefix, base, start, start + length, tail, tiled)


def _find_end(source: BinaryIO, size: int) -> tuple[int, int, int, int]:
    """Give the number of records, the directory's size, its stated and its true offset."""
    window = min(size, _END.size + 0xFFFF)
    data = at(source, size - window, window)
    index = data.rfind(_END_MARK)
    while index >= 0:
        if index + _END.size <= len(data):
            parts = _END.unpack_from(data, index)
            if index + _END.size + parts[7] == len(data):
                break
        index = data.rfind(_END_MARK, 0, index + 3) if index else -1
    if index < 0:
        raise MalformedError("no end of a zip file")
    _, disk, first, here, count, length, offset, _ = parts
    end_at = size - window + index
    before = end_at
    if end_at >= LOCATOR.size:
        locator = at(source, end_at - LOCATOR.size, LOCATOR.size)
        if locator.startswith(_LOCATOR_MARK):
            _, end64_disk, end64_at, disks = LOCATOR.unpack(locator)
            if end64_disk or disks > 1:
                raise MalformedError("a zip file of several parts")
            before, numbers = _end64(source, end_at, end64_at)
            disk, first, here, count, length, offset = numbers
    if disk or first or here != count:
        raise MalformedError("a zip file of several parts")
    return count, length, offset, before - length


def _end64(
    source: BinaryIO, end_at: int, stated: int
) -> tuple[int, tuple[int, int, int, int, int, int]]:
    # Without extensible data the record stands right before the locator, whatever is prepended.
    found = end_at - LOCATOR.size - END64.size
    if found < stated or found < 0:
        raise MalformedError("a zip64 record with data of its own")
    mark, length, _, _, disk, first, here, count, size, offset = END64.unpack(
        at(source, found, END64.size)
    )
    if mark != END64_MARK or length != END64.size - 12:
        raise MalformedError("no zip64 record")
    return found, (disk, first, here, count, size, offset)


def _central_records(data: bytes, count: int, base: int) -> list[Member]:
    members = []
    position = 0
    while position < len(data):
        if position + CENTRAL.size > len(data):
            raise MalformedError("a central record is truncated")
        parts = CENTRAL.unpack_from(data, position)
        if parts[0] != CENTRAL_MARK:
            # A digital signature of the directory, or rubbish.
            raise MalformedError("not a central record")
        _, _, _, flags, method, _, _, crc, packed, size, name, extra, comment = parts[:13]
        offset = parts[16]
        length = CENTRAL.size + name + extra + comment
        record = data[position : position + length]
        if len(record) != length:
            raise MalformedError("a central record is truncated")
        if flags & (ENCRYPTED | _STRONG | _MASKED):
            raise KeepError("a member is encrypted")
        size, packed, offset = _wide(
            record[CENTRAL.size + name : CENTRAL.size + name + extra], size, packed, offset
        )
        text = record[CENTRAL.size : CENTRAL.size + name]
        members.append(Member(text, record, base + offset, flags, method, crc, packed, size))
        position += length
    if len(members) != count:
        raise MalformedError("a central directory with another number of records")
    return members


def _wide(extra: bytes, size: int, packed: int, offset: int) -> tuple[int, int, int]:
    values = [size, packed, offset]
    wanted = [index for index, value in enumerate(values) if value == MAX_32]
    if wanted:
        for identifier, start, end in fields(extra):
            if identifier == ZIP64 and end - start >= 8 * len(wanted):
                found = struct.unpack_from(f"<{len(wanted)}Q", extra, start)
                for index, value in zip(wanted, found, strict=True):
                    values[index] = value
                return values[0], values[1], values[2]
        raise MalformedError("a zip64 member without its sizes")
    return size, packed, offset


def _read_headers(source: BinaryIO, members: Sequence[Member], limit: int) -> None:
    for member in members:
        if member.start < 0 or member.start + LOCAL.size > limit:
            raise MalformedError("a member outside of the file")
        fixed = at(source, member.start, LOCAL.size)
        mark, _, flags, method, _, _, crc, packed, size, name, extra = LOCAL.unpack(fixed)
        rest = source.read(name + extra)
        if mark != LOCAL_MARK or len(rest) != name + extra or rest[:name] != member.name:
            raise MalformedError("a local header that is not its central record's")
        if flags != member.flags or method != member.method:
            raise MalformedError("a local header that contradicts its central record")
        if not flags & DESCRIPTOR:
            size, packed = _local_wide(rest[name:], size, packed)
            if (crc, packed, size) != (member.crc, member.packed, member.size):
                raise MalformedError("a local header that contradicts its central record")
        member.header = fixed + rest


def _local_wide(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    if MAX_32 not in (size, packed):
        return size, packed
    for identifier, start, end in fields(extra):
        if identifier == ZIP64 and end - start >= 16:
            wide_size, wide_packed = struct.unpack_from("<QQ", extra, start)
            return (
                wide_size if size == MAX_32 else size,
                wide_packed if packed == MAX_32 else packed,
            )
    raise MalformedError("a zip64 member without its sizes")


def _find_ends(source: BinaryIO, order: Sequence[Member], limit: int) -> bool:
    tiled = True
    for index, member in enumerate(order):
        following = order[index + 1].start if index + 1 < len(order) else limit
        data_end = member.start + len(member.header) + member.packed
        if data_end > following:
            raise MalformedError("members that overlap")
        gap = following - data_end
        allowed = (12, 16, 20, 24) if member.flags & DESCRIPTOR else (0,)
        if gap not in allowed or (gap and not _is_descriptor(at(source, data_end, gap), member)):
            tiled = False
        member.end = following
    return tiled


def _is_descriptor(data: bytes, member: Member) -> bool:
    if len(data) in (16, 24):
        if not data.startswith(b"PK\x07\x08"):
            return False
        data = data[4:]
    form = "<III" if len(data) == 12 else "<IQQ"
    return struct.unpack(form, data) == (member.crc, member.packed, member.size)
