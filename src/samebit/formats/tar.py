"""Tar archives: the times of their members, and the order of a walk through directories.

Owners, modes and content are what the command that made the archive was asked for. pax records of
times go: the time in the header, which then holds, is whole seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from samebit.canonical.pax import encode_records
from samebit.canonical.tar import BLOCK
from samebit.formats.streams import MalformedError, Sink, copy
from samebit.formats.tar_members import LINK, ZEROS, Long, Member, Records, checksum, read_member
from samebit.formats.walk_order import MAX_MEMBERS, walk_order

MAGIC_AT = 257
MAGIC = b"ustar"
_RECORD = 20 * BLOCK
_MAX_MTIME = 0o77777777777
# GNU tar before 1.33 names a pax header after the process that wrote it.
_GNU_TIMES = re.compile(rb"(?:[0-7]{11}\0|\0{12}){2}")
_PROCESS = re.compile(rb"PaxHeaders\.\d+/")


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the order of members depends on."""

    start: int
    name: bytes
    link: bytes
    is_directory: bool
    is_short: bool


@dataclass(frozen=True, slots=True)
class _Placed:
    """A member's place in the new order: where it is, and for a hard link what it becomes.

    Of a file's names the first has the content; when another becomes the first, they change roles:
    `role` is where the member is whose header and content this one takes, under its own `name`.
    """

    start: int
    role: int
    name: bytes = b""
    link: bytes = b""


def rewrite_tar(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Write the archive with `epoch` (seconds) as every member's time, and its walks in order.

    An archive that ended at a multiple of tar's record of 10240 bytes still does.
    """
    writer = _Writer(source, size, sink, min(epoch, _MAX_MTIME))
    writer.run()
    return writer.changed


class _Writer:
    def __init__(self, source: BinaryIO, size: int, sink: Sink, epoch: int) -> None:
        self._source = source
        self._size = size
        self._sink = sink
        self._epoch = epoch
        self._written = 0
        self.changed = False

    def run(self) -> None:
        seen, end = _read(self._source, self._size)
        if placed := _sorted(seen):
            self.changed = True
            for place in placed:
                self._member(self._placed(place))
        else:
            end = 0
            while (member := read_member(self._source, end, self._size)) is not None:
                self._member(member)
                end = member.end
        self._end(end)

    def _placed(self, place: _Placed) -> Member:
        member = read_member(self._source, place.role, self._size)
        assert member is not None
        block = member.block
        if place.name:
            block = _with(block, 0, place.name.ljust(100, b"\0"))
        if place.link:
            block = _with(block, 157, place.link.ljust(100, b"\0"))
        return replace(member, block=_checked(block)) if block != member.block else member

    def _member(self, member: Member) -> None:
        for each in member.before:
            if isinstance(each, Long):
                self._header(each.block)
                self._padded(each.text)
            else:
                self._records(each)
        self._header(member.block)
        self._source.seek(member.content_at)
        copy(self._source, member.size, self._put)

    def _put(self, data: bytes) -> None:
        self._sink(data)
        self._written += len(data)

    def _padded(self, data: bytes) -> None:
        self._put(data + bytes(-len(data) % BLOCK))

    def _header(self, block: bytes) -> None:
        new = _with(block, 136, b"%011o\0" % self._epoch)
        if block[257:265] == b"ustar  \0" and _GNU_TIMES.fullmatch(block[345:369]):
            # GNU's own fields for access and change times; Go once wrote part of the name there.
            new = _with(new, 345, bytes(24))
        self._block(block, new)

    def _records(self, records: Records) -> None:
        block = records.block
        new = _with(block, 136, b"%011o\0" % self._epoch)
        new = _with(new, 0, _PROCESS.sub(b"PaxHeaders/", block[:100]).ljust(100, b"\0"))
        data = records.data
        if records.had_times:
            self.changed = True
            if not records.kept:
                return
            data = encode_records(records.kept)
            new = _with(new, 124, b"%011o\0" % len(data))
        self._block(block, new)
        self._padded(data)

    def _block(self, block: bytes, new: bytes) -> None:
        if new != block:
            new = _checked(new)
            self.changed = True
        self._put(new)

    def _end(self, end: int) -> None:
        self._source.seek(end)
        if self.changed and self._size > end and self._size % _RECORD == 0:
            rest = self._source.read(_RECORD + BLOCK + 1)
            if len(rest) <= _RECORD + BLOCK and not rest.strip(b"\0"):
                self._put(ZEROS)
                self._put(ZEROS)
                self._put(bytes(-self._written % _RECORD))
                return
            self._source.seek(end)
        copy(self._source, self._size - end, self._sink)


def _read(source: BinaryIO, size: int) -> tuple[list[_Seen], int]:
    """Read all members; gives nothing for more than are put in order, or with global headers."""
    seen: list[_Seen] = []
    offset = 0
    in_order = True
    while (member := read_member(source, offset, size)) is not None:
        if in_order:
            link = member.link if member.flag == LINK else b""
            seen.append(_Seen(offset, member.name, link, member.is_directory, member.is_short))
        in_order = in_order and not member.is_global and len(seen) < MAX_MEMBERS
        offset = member.end
    if not offset:
        raise MalformedError("not a tar archive")
    return seen if in_order else [], offset


def _sorted(seen: Sequence[_Seen]) -> list[_Placed]:
    """Give the members in the order of a walk; nothing when they are, or must stay as they are."""
    order = walk_order([(each.name, each.is_directory) for each in seen])
    if order is None or order == sorted(order):
        return []
    named = {each.name: index for index, each in enumerate(seen)}
    groups: dict[int, list[int]] = {}
    for index in order:
        if link := seen[index].link:
            target = named.get(link)
            if target is None or seen[target].link:
                return []
            groups.setdefault(target, []).append(index)
    placed = {index: _Placed(seen[index].start, seen[index].start) for index in order}
    position = {index: number for number, index in enumerate(order)}
    for target, links in groups.items():
        if position[first := links[0]] < position[target]:
            if not all(seen[index].is_short for index in (target, *links)):
                return []
            placed.update(_exchanged(seen, target, first, links))
    return [placed[index] for index in order]


def _exchanged(
    seen: Sequence[_Seen], target: int, first: int, links: Iterable[int]
) -> Iterator[tuple[int, _Placed]]:
    """Give the places of a file's names when `first` has the content that `target` had."""
    name = seen[first].name
    yield first, _Placed(seen[first].start, seen[target].start, name)
    yield target, _Placed(seen[target].start, seen[first].start, seen[target].name, name)
    for index in links:
        if index != first:
            start = seen[index].start
            yield index, _Placed(start, start, link=name)


def _with(block: bytes, at: int, data: bytes) -> bytes:
    return block[:at] + data + block[at + len(data) :]


def _checked(block: bytes) -> bytes:
    return _with(block, 148, b"%06o\0 " % checksum(block))
