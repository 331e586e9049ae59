"""apk's database: the times in its archive of scripts, and virtual packages named by the clock."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import BinaryIO

from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink

_BLOCK = 512
_LARGEST_BLOCK = 1 << 20
_VERSION = re.compile(rb"[0-9]{8}\.[0-9]{6}")
_WORLD = re.compile(rb"(\S+)=([0-9]{8}\.[0-9]{6})")
_FOLDERS = (b"lib/apk/db", b"usr/lib/apk/db")


def _scripts(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    """Set the mtime of every member; each byte else stays (POSIX.1-2017 pax, ustar)."""
    changed = False
    done = 0
    while done < size:
        block = source.read(_BLOCK)
        if len(block) < _BLOCK:
            return False
        done += _BLOCK
        if block == bytes(_BLOCK):
            sink(block)
            continue
        length = _octal(block[124:136])
        if block[257:262] != b"ustar" or length is None or facts.epoch >= 1 << 33:
            return False
        new = _with_time(block, facts.epoch)
        changed = changed or new != block
        sink(new)
        left = -(-length // _BLOCK) * _BLOCK
        if left > size - done:
            return False
        done += left
        while left:
            data = source.read(min(left, 1 << 20))
            if not data:
                return False
            left -= len(data)
            sink(data)
    return changed


def _with_time(block: bytes, epoch: int) -> bytes:
    header = bytearray(block)
    header[136:148] = b"%011o\0" % epoch
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


def _octal(field: bytes) -> int | None:
    text = field.strip(b" \0")
    return int(text, 8) if text and all(byte in b"01234567" for byte in text) else None


def _installed(source: BinaryIO, _size: int, sink: Sink, facts: Facts) -> bool:
    base = _base_virtuals(facts)
    changed = False
    for block in _blocks(source):
        if block is None:
            return False
        new = _without_clock(block, base, facts.epoch)
        changed = changed or new != block
        sink(new)
    return changed


def _without_clock(block: bytes, base: frozenset[bytes], epoch: int) -> bytes:
    """Name a virtual package's version after the epoch, and its checksum after what it is."""
    if not _is_virtual(block):
        return block
    if _field(block, b"P") + b"=" + _field(block, b"V") in base:
        return block
    new = re.sub(rb"(?m)^V:.*$", b"V:" + _version(epoch), block, count=1)
    plain = re.sub(rb"(?m)^C:.*\n", b"", new, count=1)
    # apk itself takes a SHA-1 of the clock here; nothing compares it with any content.
    digest = hashlib.sha1(plain, usedforsecurity=False).digest()
    return re.sub(rb"(?m)^C:.*$", b"C:Q1" + base64.b64encode(digest), new, count=1)


def _world(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    virtuals = _virtuals_beside(facts) - _base_virtuals(facts)
    if size > _LARGEST_BLOCK or not virtuals:
        return False

    def named(match: re.Match[bytes]) -> bytes:
        return match[1] + b"=" + _version(facts.epoch) if match[0] in virtuals else match[0]

    data = source.read(size)
    new = _WORLD.sub(named, data)
    sink(new)
    return new != data


def _virtuals_beside(facts: Facts) -> frozenset[bytes]:
    for folder in _FOLDERS:
        file = facts.trees.open(folder + b"/installed")
        if file is not None:
            with file:
                return _virtuals(file)
    return frozenset()


def _base_virtuals(facts: Facts) -> frozenset[bytes]:
    """Give what stands in the base's database, and so in the base's etc/apk/world, too."""
    for folder in _FOLDERS:
        file = facts.trees.open_base(folder + b"/installed")
        if file is not None:
            with file:
                return _virtuals(file)
    return frozenset()


def _virtuals(file: BinaryIO) -> frozenset[bytes]:
    return frozenset(
        _field(block, b"P") + b"=" + _field(block, b"V")
        for block in _blocks(file)
        if block is not None and _is_virtual(block)
    )


def _is_virtual(block: bytes) -> bool:
    """Tell a package that `apk add --virtual` made: no files, no size, a time for a version."""
    return (
        _VERSION.fullmatch(_field(block, b"V")) is not None
        and _field(block, b"T") == b"virtual meta package"
        and b"\nF:" not in block
    )


def _field(block: bytes, name: bytes) -> bytes:
    match = re.search(rb"(?m)^" + name + rb":(.*)$", block)
    return match[1] if match else b""


def _version(epoch: int) -> bytes:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y%m%d.%H%M%S").encode("ascii")


def _blocks(source: BinaryIO) -> Iterator[bytes | None]:
    """Give the packages' paragraphs with what ends them; None for one that is too long."""
    lines: list[bytes] = []
    size = 0
    while line := source.readline(1 << 16):
        lines.append(line)
        size += len(line)
        if line == b"\n":
            yield b"".join(lines)
        elif size > _LARGEST_BLOCK:
            # A package with very many files is never a virtual one.
            block = b"".join(lines)
            yield block if b"\nF:" in block else None
        else:
            continue
        lines, size = [], 0
    if lines:
        yield b"".join(lines)


SCRIPTS = Normaliser(
    name="alpine/apk-scripts",
    action=Action.REWRITE,
    paths=tuple(folder + b"/scripts.tar" for folder in _FOLDERS),
    rewrite=_scripts,
    made_here=True,
    why="apk stamps each member with the time it was added, and reads only names and contents.",
    reference="apk-tools, src/database.c",
)
INSTALLED = Normaliser(
    name="alpine/apk-installed",
    action=Action.REWRITE,
    paths=tuple(folder + b"/installed" for folder in _FOLDERS),
    rewrite=_installed,
    made_here=True,
    why="The version of a virtual package is the time of its making, its checksum a hash of that."
    " Both become functions of the epoch and the package; /etc/apk/world gets the same version.",
    reference="apk-tools, src/app_add.c",
)
WORLD = Normaliser(
    name="alpine/apk-world",
    action=Action.REWRITE,
    paths=(b"etc/apk/world",),
    rewrite=_world,
    made_here=True,
    why="Names virtual packages with the version that the database gives them.",
    reference="apk-tools, src/app_add.c; apk-world(5)",
)
APK_LOG = Normaliser(
    name="alpine/apk-log",
    action=Action.REVERT,
    paths=(b"var/log/apk.log", b"lib/apk/db/lock", b"usr/lib/apk/db/lock"),
    why="A log with times, and the file that apk locks while it runs; apk makes both anew.",
    reference="apk(8)",
)
