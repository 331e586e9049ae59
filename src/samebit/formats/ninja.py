"""Ninja's two records of a build folder: when each file was made, and what it was made from.

Both grow in the order in which jobs end. Their times become that of the files themselves, so that
Ninja finds them made and not older, as it did before. Described in Ninja's src/build_log.cc
(version 5 and later) and src/deps_log.cc (version 4).
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

from samebit.formats.streams import MalformedError, Sink, exactly

MAX_SIZE = 64 << 20
"""Larger records, in bytes, are left alone."""

LOG_MAGIC = b"# ninja log v"
DEPS_MAGIC = b"# ninjadeps\n"
_LOG_HEAD = re.compile(rb"# ninja log v[5-7]\n")
_LOG_LINE = re.compile(rb"\d+\t\d+\t\d+\t([^\t\n]+)\t([0-9a-f]+)\n")
_DEPS_VERSION = 4
_IS_DEPS = 1 << 31
_NANOSECONDS = 1_000_000_000


def _moment(epoch: int) -> int:
    """Give the nanoseconds of a file's time; Ninja keeps 0 for a file that is missing."""
    return max(1, epoch * _NANOSECONDS)


def rewrite_log(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Keep the last line of each file, in order of names, without how long it took."""
    data = _whole(source, size)
    head = _LOG_HEAD.match(data)
    if head is None:
        raise MalformedError("a log of an unknown version of Ninja")
    commands: dict[bytes, bytes] = {}
    at = head.end()
    while at < size:
        line = _LOG_LINE.match(data, at)
        if line is None:
            raise MalformedError("not a line of Ninja's log")
        commands[line[1]] = line[2]
        at = line.end()
    lines = [
        b"0\t0\t%d\t%b\t%b\n" % (_moment(epoch), name, commands[name]) for name in sorted(commands)
    ]
    return _changed(data, head[0] + b"".join(lines), sink)


def rewrite_deps(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Keep what each file was last made from, in order of names, and number all names anew."""
    data = _whole(source, size)
    start = len(DEPS_MAGIC) + 4
    if data[:start] != DEPS_MAGIC + struct.pack("<I", _DEPS_VERSION):
        raise MalformedError("a record of an unknown version of Ninja")
    found = _read_deps(data, start)
    numbers: dict[bytes, int] = {}
    parts = [data[:start]]

    def number(name: bytes) -> int:
        if name not in numbers:
            padded = name + bytes(-len(name) % 4)
            numbers[name] = len(numbers)
            check = ~numbers[name] & 0xFFFFFFFF
            parts.append(struct.pack("<I", len(padded) + 4) + padded + struct.pack("<I", check))
        return numbers[name]

    for made in sorted(found):
        inputs = [number(made), *map(number, found[made])]
        record = struct.pack(f"<IQ{len(inputs) - 1}I", inputs[0], _moment(epoch), *inputs[1:])
        parts.append(struct.pack("<I", len(record) | _IS_DEPS) + record)
    return _changed(data, b"".join(parts), sink)


def _read_deps(data: bytes, at: int) -> dict[bytes, list[bytes]]:
    names: list[bytes] = []
    found: dict[bytes, list[bytes]] = {}
    while at < len(data):
        head = _integers(data, at, 1)[0]
        length, at = head & ~_IS_DEPS, at + 4
        if length % 4 or at + length > len(data) or length < (12 if head & _IS_DEPS else 8):
            raise MalformedError("a record of Ninja's that is cut off")
        if head & _IS_DEPS:
            made, _, _, *inputs = _integers(data, at, length // 4)
            if max(made, *inputs, 0) >= len(names):
                raise MalformedError("a name that Ninja's record lacks")
            found[names[made]] = [names[one] for one in inputs]
        else:
            name = data[at : at + length - 4].rstrip(b"\0")
            if _integers(data, at + length - 4, 1)[0] ^ 0xFFFFFFFF != len(names) or not name:
                raise MalformedError("a name with another number in Ninja's record")
            names.append(name)
        at += length
    return found


def _integers(data: bytes, at: int, count: int) -> tuple[int, ...]:
    if at + 4 * count > len(data) or not count:
        raise MalformedError("truncated")
    return struct.unpack_from(f"<{count}I", data, at)


def _whole(source: BinaryIO, size: int) -> bytes:
    if size > MAX_SIZE:
        raise MalformedError("a record of more than 64 MiB")
    return exactly(source, size)


def _changed(old: bytes, new: bytes, sink: Sink) -> bool:
    if new == old:
        return False
    sink(new)
    return True
