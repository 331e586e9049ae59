"""Zip files and all that are zip files: times, owners and order of members, and what is in them.

Compressed data is copied bit for bit, except that of the few members whose own content is noise.
Members are sorted, because tools store them in the order in which the file system listed them; not
where a reader depends on the order or the alignment.
"""

from __future__ import annotations

import re
import struct
import zlib
from calendar import timegm
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import gmtime
from typing import BinaryIO

from samebit.formats.deflate import deflated, inflated
from samebit.formats.streams import KeepError, MalformedError, Sink, at, copy, patched
from samebit.formats.zip_directory import (
    CENTRAL,
    DESCRIPTOR,
    END64,
    END64_MARK,
    LOCAL,
    LOCATOR,
    MAX_32,
    Directory,
    Member,
    read_directory,
)
from samebit.formats.zip_extra import ALIGNMENT, ZIP64, fields, is_regular, normal_extra

EARLIEST = 315_619_200
"""1980-01-02: the first day that a zip file can say in every time zone, in seconds since 1970."""

MAX_CONTENT = 64 << 20
"""Members above this size, in bytes, keep their content whatever it is."""

_STORED, _DEFLATED = 0, 8
_SIGNATURES = re.compile(
    rb"META-INF/[^/]+\.(?:SF|RSA|DSA|EC)|META-INF/(?:COSE\.SIG|SIGNATURES\.XML|"
    rb"DOCUMENTSIGNATURES\.XML)|\.SIGNATURE\.P7S|_XMLSIGNATURES/.*|"
    rb"PACKAGE/SERVICES/DIGITAL-SIGNATURE/.*"
)
_JAVAC_ARGUMENTS = re.compile(rb"org\.codehaus\.plexus\.compiler\.javac\.JavacCompiler\d+arguments")
# Clojure loads a compiled class only if it is newer than its source in the same jar.
_OLDER_SOURCES = (b".clj", b".cljc")
# Of the last record: the fields that follow from the members, and what they say in zip64 files.
_END_FIELDS = (("<H", 8, 0xFFFF), ("<H", 10, 0xFFFF), ("<I", 12, MAX_32), ("<I", 16, MAX_32))
_FIRST = (b"mimetype", b"META-INF/", b"META-INF/MANIFEST.MF")


@dataclass(frozen=True, slots=True)
class ArchiveFacts:
    """What the content of a member may depend on: its archive. Times are in seconds since 1970.

    `seconds` is the time that members get, `names` are all members, `times` are the times that
    members had, as far as a zip file says them and taken as UTC.
    """

    seconds: int
    times: dict[bytes, int | None]


NewContent = Callable[[bytes, bytes, ArchiveFacts], bytes]
"""`new_content(name, content, facts)`: what a member's content should be."""

Wanted = Callable[[bytes, bytes], bool]
"""`wanted(name, first_bytes)`: whether a member's content may have to change."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Which members have noise in their own content, and how it goes."""

    wanted: Wanted
    new: NewContent


def rewrite_zip(
    source: BinaryIO,
    size: int,
    sink: Sink,
    epoch: int,
    contents: Contents | None = None,
) -> bool:
    """Set times to `epoch` (seconds; not before 1980) and owners to 0, sort, and clean `contents`.

    Raises KeepError for signed and encrypted archives.
    """
    directory = read_directory(source, size)
    names = [member.name for member in directory.members]
    _refuse_signed(names)
    if directory.prefix >= 2 and at(source, 0, 2) in (b"MZ", b"Cr"):
        raise KeepError("the archive is part of a program or package that may be signed")
    seconds = max(epoch, EARLIEST)
    order = _order(directory)
    kept = [member for member in order if not _is_debris(member.name, names)]
    candidates: set[int] = set()
    # A wheel's RECORD and its like hold checksums of the members.
    if contents is not None and not any(name.endswith(b".dist-info/RECORD") for name in names):
        candidates = {
            index
            for index, member in enumerate(kept)
            if _is_readable(member) and contents.wanted(member.name, _head(source, member))
        }
    if not candidates and kept == list(directory.members):
        return patched(source, size, _patches(directory, seconds), sink)
    if not directory.tiled:
        raise MalformedError("a zip file with gaps")
    facts = ArchiveFacts(seconds, {member.name: _time_of(member) for member in kept})
    plan = _Plan(directory, kept, candidates, contents, facts)
    return _write(source, plan, sink)


def _refuse_signed(names: Sequence[bytes]) -> None:
    for name in names:
        if _SIGNATURES.fullmatch(name.upper()):
            raise KeepError(f"the archive is signed ({name.decode('utf-8', 'replace')})")


def _is_debris(name: bytes, names: Sequence[bytes]) -> bool:
    # maven-compiler-plugin forks javac with a file of arguments that has a random name, and a
    # script that names it; both end in the jar (strip-nondeterminism knows them).
    if _JAVAC_ARGUMENTS.fullmatch(name):
        return True
    return name == b"javac.sh" and any(_JAVAC_ARGUMENTS.fullmatch(other) for other in names)


def _order(directory: Directory) -> list[Member]:
    members = list(directory.members)
    names = {member.name for member in members}
    fixed = (
        not directory.tiled
        or len(names) != len(members)
        # Spring Boot takes the class path from the order of the jars in the jar.
        or b"BOOT-INF/" in names
        or any(name.startswith(b"WEB-INF/lib-provided/") for name in names)
        # Android wants what is not compressed aligned, and the first of the members first.
        or b"AndroidManifest.xml" in names
        or any(_is_aligned(member) for member in members)
    )
    if fixed:
        return members
    places = sorted(member.start for member in members)
    if [member.start for member in members] != places:
        # Someone took care that the directory has an order of its own.
        return members
    return sorted(members, key=_key)


def _key(member: Member) -> tuple[int, int, bytes]:
    name = member.name
    first = _FIRST.index(name) if name in _FIRST else len(_FIRST)
    # The wheel specification wants these physically last, RECORD after all others.
    last = 0
    if b".dist-info/" in name:
        last = 2 if name.endswith(b".dist-info/RECORD") else 1
    return first, last, name


def _is_aligned(member: Member) -> bool:
    extra = _local_extra(member)
    return not is_regular(extra) or any(found == ALIGNMENT for found, _, _ in fields(extra))


def _local_extra(member: Member) -> bytes:
    return member.header[LOCAL.size + len(member.name) :]


def _is_readable(member: Member) -> bool:
    wide = any(
        identifier == ZIP64
        for extra in (member.extra, _local_extra(member))
        for identifier, _, _ in fields(extra)
    )
    return (
        member.method in (_STORED, _DEFLATED)
        and 0 < member.size <= MAX_CONTENT
        and member.packed <= MAX_CONTENT
        and not wide
    )


def _head(source: BinaryIO, member: Member) -> bytes:
    data = at(source, member.start + len(member.header), min(member.packed, 1024))
    if member.method == _STORED:
        return data
    try:
        return zlib.decompressobj(wbits=-15).decompress(data, 1024)
    except zlib.error:
        return b""


def _content(source: BinaryIO, member: Member) -> bytes | None:
    """Give a member's content, None when it is not what its sizes and checksum say."""
    data = at(source, member.start + len(member.header), member.packed)
    if member.method == _DEFLATED:
        try:
            data = inflated(data, member.size)
        except MalformedError:
            return None
    return data if len(data) == member.size and zlib.crc32(data) == member.crc else None


def _patches(directory: Directory, seconds: int) -> list[tuple[int, bytes]]:
    result = []
    records = []
    for member in directory.members:
        when = _seconds_of(member.name, seconds)
        result.append((member.start, _new_header(member, when)))
        records.append(_new_record(member, when))
    result.sort()
    if len({offset for offset, _ in result}) != len(result):
        raise MalformedError("two members at one place")
    return [*result, (directory.start, b"".join(records))]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is written: `members` in this order, those at `candidates` with new content."""

    directory: Directory
    members: Sequence[Member]
    candidates: set[int]
    contents: Contents | None
    facts: ArchiveFacts


def _write(source: BinaryIO, plan: _Plan, sink: Sink) -> bool:
    directory, contents, facts = plan.directory, plan.contents, plan.facts
    changed = list(plan.members) != list(directory.members)
    source.seek(0)
    copy(source, directory.prefix, sink)
    position = directory.prefix
    records = []
    for index, member in enumerate(plan.members):
        when = _seconds_of(member.name, facts.seconds)
        header, record = _new_header(member, when), _new_record(member, when)
        data = new = None
        if index in plan.candidates and contents is not None:
            data = _content(source, member)
            new = data if data is None else contents.new(member.name, data, facts)
        changed = changed or new != data or header != member.header or record != member.record
        record = _moved(record, position - directory.base)
        if new is None or new == data:
            sink(header)
            source.seek(member.start + len(member.header))
            copy(source, member.end - member.start - len(member.header), sink)
            position += member.end - member.start
        else:
            packed = deflated(new) if member.method == _DEFLATED else new
            checks = struct.pack("<3I", zlib.crc32(new), len(packed), len(new))
            flags = struct.pack("<H", member.flags & ~DESCRIPTOR)
            sink(header[:6] + flags + header[8:14] + checks + header[26:])
            sink(packed)
            record = record[:8] + flags + record[10:16] + checks + record[28:]
            position += len(header) + len(packed)
        records.append(record)
    if not changed:
        return False
    central = b"".join(records)
    sink(central)
    sink(_new_tail(directory, position, len(central), len(records)))
    return True


def _moved(record: bytes, offset: int) -> bytes:
    """Write where the member's local header is, in 32 or 64 bits as it was."""
    packed, size = struct.unpack_from("<II", record, 20)
    (stated,) = struct.unpack_from("<I", record, 42)
    if stated != MAX_32:
        if offset >= MAX_32:
            raise MalformedError("a zip file that would have to become zip64")
        return record[:42] + struct.pack("<I", offset) + record[46:]
    name, extra = struct.unpack_from("<HH", record, 28)
    start = CENTRAL.size + name
    for identifier, first, _ in fields(record[start : start + extra]):
        if identifier == ZIP64:
            place = start + first + 8 * (packed == MAX_32) + 8 * (size == MAX_32)
            return record[:place] + struct.pack("<Q", offset) + record[place + 8 :]
    raise MalformedError("a zip64 member without its offset")


def _new_tail(directory: Directory, position: int, length: int, count: int) -> bytes:
    tail = bytearray(directory.tail)
    offset = position - directory.base
    end = 0
    if tail.startswith(END64_MARK):
        struct.pack_into("<4Q", tail, 24, count, count, length, offset)
        struct.pack_into("<Q", tail, END64.size + 8, offset + length)
        end = END64.size + LOCATOR.size
    values = (count, count, length, offset)
    for value, (form, place, limit) in zip(values, _END_FIELDS, strict=True):
        if struct.unpack_from(form, tail, end + place)[0] != limit or not end:
            if value >= limit:
                raise MalformedError("a zip file that would have to become zip64")
            struct.pack_into(form, tail, end + place, value)
    return bytes(tail)


def _new_header(member: Member, when: int) -> bytes:
    extra = normal_extra(_local_extra(member), when)
    name = member.header[LOCAL.size : LOCAL.size + len(member.name)]
    return member.header[:10] + _dos_time(when) + member.header[14 : LOCAL.size] + name + extra


def _new_record(member: Member, when: int) -> bytes:
    name, extra = struct.unpack_from("<HH", member.record, 28)
    start = CENTRAL.size + name
    return b"".join(
        (
            member.record[:12],
            _dos_time(when),
            member.record[16:start],
            normal_extra(member.record[start : start + extra], when),
            member.record[start + extra :],
        )
    )


def _seconds_of(name: bytes, seconds: int) -> int:
    return seconds - 2 if name.endswith(_OLDER_SOURCES) else seconds


def _dos_time(seconds: int) -> bytes:
    when = gmtime(seconds)
    if when.tm_year > 2107:
        raise MalformedError("a time that no zip file can say")
    return struct.pack(
        "<HH",
        when.tm_hour << 11 | when.tm_min << 5 | when.tm_sec // 2,
        (when.tm_year - 1980) << 9 | when.tm_mon << 5 | when.tm_mday,
    )


def _time_of(member: Member) -> int | None:
    time, date = struct.unpack_from("<HH", member.record, 12)
    try:
        return timegm(
            (
                1980 + (date >> 9),
                date >> 5 & 15,
                date & 31,
                time >> 11,
                time >> 5 & 63,
                (time & 31) * 2,
            )
        )
    except (ValueError, OverflowError):
        return None
