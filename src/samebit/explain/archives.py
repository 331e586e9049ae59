"""Archives as lists of members, so that causes can be looked for inside of them.

Bounded: an archive with too many or too large members, or one that is damaged, is not looked into.
"""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from samebit.explain.content import Content

_MOST_MEMBERS = 20_000
_MOST_BYTES = 32 << 20
_AR_MAGIC = b"!<arch>\n"
# Extra fields of zip: "extended timestamp", and those of NTFS and of Info-ZIP's older Unix field.
_UNIX_TIMES = 0x5455
_OTHER_TIMES = (0x000A, 0x5855)
_CPIO_MAGICS = (b"070701", b"070702")


@dataclass(frozen=True, slots=True)
class Member:
    """A member. `time` is as the archive says it, `attributes` what else it says, for comparing."""

    name: str
    time: str
    attributes: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Archive:
    """`kind` is zip, tar, cpio, ar, gzip or xz; a gzip or xz file has one member without a name."""

    kind: str
    members: tuple[Member, ...]


class _TooLargeError(Exception):
    pass


def read_archive(content: Content) -> Archive | None:
    """Read an archive of a known kind into memory; None for anything else."""
    head = content.read(0, 512)
    for kind, fits, read in _KINDS:
        if fits(head):
            try:
                return Archive(kind, tuple(_bounded(read(_Stream(content)))))
            except _ERRORS:
                return None
    return None


_ERRORS = (
    _TooLargeError,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    struct.error,
    OverflowError,
    NotImplementedError,
    RuntimeError,
)


def _bounded(members: Iterator[Member]) -> Iterator[Member]:
    total = 0
    for number, member in enumerate(members):
        total += len(member.data)
        if number >= _MOST_MEMBERS or total > _MOST_BYTES:
            raise _TooLargeError
        yield member


class _Stream(io.RawIOBase):
    """A Content as a seekable file."""

    def __init__(self, content: Content) -> None:
        super().__init__()
        self._content = content
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._content.size}
        self._position = max(0, start[whence] + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._content.read(self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


def _zip(stream: _Stream) -> Iterator[Member]:
    with zipfile.ZipFile(io.BufferedReader(stream)) as archive:
        left = _MOST_BYTES
        for entry in archive.infolist():
            left -= entry.file_size
            if left < 0:
                raise _TooLargeError
            year, month, day, hour, minute, second = entry.date_time
            with archive.open(entry) as file:
                data = file.read(entry.file_size + 1)
            times, extra = _split_extra(entry.extra)
            yield Member(
                entry.filename,
                f"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}{times}",
                f"{entry.compress_type} {entry.external_attr:o} {entry.create_system}"
                f" {extra} {entry.comment.hex()}",
                data,
            )


def _split_extra(extra: bytes) -> tuple[str, str]:
    """Give the times of a zip member's extra fields, and the other fields (APPNOTE, 4.5)."""
    times, others = "", ""
    at = 0
    while at + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, at)
        body = extra[at + 4 : at + 4 + size]
        if kind == _UNIX_TIMES and len(body) >= 5:
            times += f", Unix time {int.from_bytes(body[1:5], 'little')}"
        elif kind in _OTHER_TIMES:
            times += f", field {kind:#06x} {body.hex()}"
        else:
            others += f"{kind:#06x}={body.hex()} "
        at += 4 + size
    return times, others + extra[at:].hex()


def _tar(stream: _Stream) -> Iterator[Member]:
    with tarfile.open(fileobj=io.BufferedReader(stream), mode="r:") as archive:
        left = _MOST_BYTES
        for entry in archive:
            left -= entry.size if entry.isreg() else 0
            if left < 0:
                raise _TooLargeError
            file = archive.extractfile(entry) if entry.isreg() else None
            data = file.read() if file is not None else b""
            yield Member(
                entry.name,
                f"@{entry.mtime}",
                f"{entry.type!r} {entry.mode:o} {entry.uid}:{entry.gid} {entry.uname}:{entry.gname}"
                f" {entry.linkname}",
                data,
            )


def _gzip(stream: _Stream) -> Iterator[Member]:
    head = stream.read(512)
    assert head is not None
    stream.seek(0)
    with gzip.GzipFile(fileobj=io.BufferedReader(stream)) as file:
        data = file.read(_MOST_BYTES + 1)
    (seconds,) = struct.unpack("<I", head[4:8])
    yield Member("", f"@{seconds}", _gzip_header(head), data)


def _gzip_header(head: bytes) -> str:
    """Give the name and the operating system of a gzip header as text (RFC 1952, 2.3)."""
    flags, system, at = head[3], head[9], 10
    if flags & 4 and len(head) >= 12:
        at += 2 + int.from_bytes(head[10:12], "little")
    end = head.find(b"\0", at)
    name = head[at:end].decode("latin-1") if flags & 8 and end >= 0 else ""
    return f"name {name!r}, system {system}"


def _xz(stream: _Stream) -> Iterator[Member]:
    with lzma.LZMAFile(io.BufferedReader(stream)) as file:
        yield Member("", "", "", file.read(_MOST_BYTES + 1))


def _cpio(stream: _Stream) -> Iterator[Member]:
    """Read the portable ASCII format, newc (Linux, early-userspace/buffer-format)."""
    while len(header := stream.read(110) or b"") == 110 and header.startswith(_CPIO_MAGICS):
        fields = [int(header[at : at + 8], 16) for at in range(6, 110, 8)]
        inode, mode, uid, gid, _, mtime, size, *device = fields[:-2]
        name = (stream.read(fields[-2]) or b"").rstrip(b"\0").decode("utf-8", "surrogateescape")
        stream.seek(-stream.tell() % 4, io.SEEK_CUR)
        if name == "TRAILER!!!":
            return
        if size > _MOST_BYTES:
            raise _TooLargeError
        data = stream.read(size) or b""
        stream.seek(-stream.tell() % 4, io.SEEK_CUR)
        device_text = ":".join(map(str, device))
        attributes = f"mode {mode:o}, owner {uid}:{gid}, inode {inode}, device {device_text}"
        yield Member(name, f"@{mtime}", attributes, data)


def _ar(stream: _Stream) -> Iterator[Member]:
    stream.seek(len(_AR_MAGIC))
    while header := stream.read(60):
        name, time, uid, gid, mode, size = (
            header[start:end].rstrip().decode("ascii", "replace")
            for start, end in ((0, 16), (16, 28), (28, 34), (34, 40), (40, 48), (48, 58))
        )
        length = int(size)
        if length > _MOST_BYTES:
            raise _TooLargeError
        data = stream.read(length) or b""
        stream.seek(length % 2, io.SEEK_CUR)
        yield Member(name, f"@{time}", f"{uid}:{gid} {mode}", data)


def _is_tar(head: bytes) -> bool:
    # Before POSIX, as Automake's `make dist` still writes them, they had no magic.
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


_KINDS: tuple[tuple[str, Callable[[bytes], bool], Callable[[_Stream], Iterator[Member]]], ...] = (
    ("zip", lambda head: head[:4] in (b"PK\x03\x04", b"PK\x05\x06"), _zip),
    ("gzip", lambda head: head[:3] == b"\x1f\x8b\x08", _gzip),
    ("xz", lambda head: head.startswith(b"\xfd7zXZ\0"), _xz),
    ("cpio", lambda head: head.startswith(_CPIO_MAGICS), _cpio),
    ("ar", lambda head: head.startswith(_AR_MAGIC), _ar),
    ("tar", _is_tar, _tar),
)
