"""The one way canonical form 1 writes a tar header (docs/canonical-form.md, "Tar bytes").

POSIX.1-2017 ustar; a pax extended header precedes an entry only when ustar cannot say the value.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol
from zlib import adler32

from samebit.canonical.pax import MAX_RECORDS, XATTR, encode_records
from samebit.errors import InputError, InternalError

BLOCK = 512
END_OF_ARCHIVE = bytes(2 * BLOCK)

# The largest number that ustar's field holds, and the largest that a pax record may say.
_ID_LIMITS = (0o7777777, 2**32 - 2)
_SIZE_LIMITS = (0o77777777777, 2**63 - 1)
_MAX_DEVICE = 0o7777777
_MAX_MTIME = 0o77777777777
_PAX_NAME = b"././@PaxHeader"
_ZEROS = bytes(BLOCK)
_DEVICES = (b"3", b"4")
_LINKS = (b"1", b"2")
_NO_DEVICE = (0, 0)


class _Kind(Protocol):
    @property
    def value(self) -> bytes: ...


class _Entry(Protocol):
    """What a header is made from; `samebit.image.entry.Entry` is one."""

    @property
    def path(self) -> bytes: ...
    @property
    def kind(self) -> _Kind: ...
    @property
    def mode(self) -> int: ...
    @property
    def uid(self) -> int: ...
    @property
    def gid(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def link(self) -> bytes: ...
    @property
    def device(self) -> tuple[int, int]: ...
    @property
    def xattrs(self) -> tuple[tuple[bytes, bytes], ...]: ...


def padding(size: int) -> bytes:
    """Give the zero bytes that fill content of `size` bytes up to a whole block."""
    return _ZEROS[: -size % BLOCK]


def encode_header(entry: _Entry, mtime: int) -> bytes:
    """Encode the header blocks of `entry`: a multiple of 512 bytes; content and padding follow.

    `mtime` is in seconds since the epoch. Raises InputError for a value that no reader would take
    back unchanged (a device number or time out of range, a NUL in a name, "=" in the name of an
    extended attribute) and InternalError for an entry that is not canonical in itself.
    """
    flag = entry.kind.value
    path, link = entry.path, entry.link
    size = entry.size
    if flag == b"0" and not link and not entry.xattrs and entry.device == _NO_DEVICE:
        ends = _ends(entry.mode, entry.uid, entry.gid, mtime)
        if ends and 0 < len(path) <= 100 and 0 <= size <= _SIZE_LIMITS[0] and b"\0" not in path:
            # Nearly every entry of a layer.
            owner, tail, total = ends
            digits = b"%011o" % size
            total += (adler32(path) & 0xFFFF) + (adler32(digits) & 0xFFFF)
            return b"%b%b%b%b%06o\0 %b" % (
                path.ljust(100, b"\0"),
                owner,
                digits,
                tail[:13],
                total,
                tail[13:],
            )
    if b"\0" in path or b"\0" in link:
        raise InputError(f"{path!r}: a NUL byte in a name cannot be stored in a layer")
    if not 0 <= mtime <= _MAX_MTIME:
        raise InputError(f"the time {mtime} cannot be stored in a layer")
    _check_invariants(entry, flag)
    if flag == b"5":
        path = path + b"/" if path else b"./"

    records: list[tuple[bytes, bytes]] = []
    name, prefix = _split(path)
    if len(name) > 100:
        records.append((b"path", path))
        name = name[:100]
    if len(link) > 100:
        records.append((b"linkpath", link))
    uid = _number(entry, b"uid", entry.uid, _ID_LIMITS, records)
    gid = _number(entry, b"gid", entry.gid, _ID_LIMITS, records)
    size = _number(entry, b"size", size, _SIZE_LIMITS, records)
    if entry.xattrs:
        _add_xattrs(entry, records)
    major, minor = entry.device
    if max(major, minor) > _MAX_DEVICE:
        raise InputError(f"{entry.path!r}: device number {major}:{minor} is out of range")

    header = _ustar(
        name, prefix, flag, link[:100], (entry.mode, uid, gid, size, mtime, major, minor)
    )
    if not records:
        return header
    return _extended(entry, records, mtime) + header


@lru_cache(maxsize=256)
def _ends(mode: int, uid: int, gid: int, mtime: int) -> tuple[bytes, bytes, int] | None:
    """Give what surrounds name and size in a file's plain header, and its share of the checksum.

    None for values that need more than ustar, or are none.
    """
    in_range = 0 <= mode <= 0o7777 and 0 <= mtime <= _MAX_MTIME
    if not in_range or not (0 <= min(uid, gid) <= max(uid, gid) <= _ID_LIMITS[0]):
        return None
    header = _ustar(b"", b"", b"0", b"", (mode, uid, gid, 0, mtime, 0, 0))
    # Less the eleven digits of the size, and the one that every Adler-32 starts from, twice.
    total = int(header[148:154], 8) - 11 * 0x30 - 2
    return header[100:124], header[135:148] + header[156:], total


def _check_invariants(entry: _Entry, flag: bytes) -> None:
    if entry.mode & ~0o7777 or entry.mode < 0:
        raise InternalError(f"{entry.path!r}: mode {entry.mode:o} has bits beyond 07777")
    if (
        (entry.size and flag != b"0")
        or bool(entry.link) != (flag in _LINKS)
        or (entry.device != (0, 0) and flag not in _DEVICES)
        or (not entry.path and flag != b"5")
        or min(entry.uid, entry.gid, entry.size, *entry.device) < 0
    ):
        raise InternalError(f"{entry.path!r}: attributes that do not fit its type {flag!r}")


def _split(path: bytes) -> tuple[bytes, bytes]:
    # The rightmost slash that leaves at most 155 bytes before it also leaves the fewest after it,
    # so one candidate decides whether ustar's two fields are enough.
    if len(path) <= 100:
        return path, b""
    slash = path.rfind(b"/", 0, min(156, len(path) - 1))
    if slash > 0 and len(path) - slash - 1 <= 100:
        return path[slash + 1 :], path[:slash]
    return path, b""


def _number(
    entry: _Entry,
    keyword: bytes,
    value: int,
    limits: tuple[int, int],
    records: list[tuple[bytes, bytes]],
) -> int:
    in_ustar, in_pax = limits
    if value <= in_ustar:
        return value
    if value > in_pax:
        raise InputError(f"{entry.path!r}: {keyword.decode()} {value} is out of range")
    records.append((keyword, b"%d" % value))
    return 0


def _add_xattrs(entry: _Entry, records: list[tuple[bytes, bytes]]) -> None:
    for name, value in entry.xattrs:
        if b"=" in name or b"\0" in name or not name:
            raise InputError(
                f"{entry.path!r}: the extended attribute {name!r} cannot be stored in a layer",
                fix="remove the attribute in the build, or rename it without '='",
            )
        records.append((XATTR + name, value))


def _extended(entry: _Entry, records: list[tuple[bytes, bytes]], mtime: int) -> bytes:
    for keyword, value in records:
        if keyword in (b"path", b"linkpath") and not _is_utf8(value):
            # POSIX: pax values are UTF-8 unless the archive says that they are raw bytes.
            records.append((b"hdrcharset", b"BINARY"))
            break
    records.sort()
    data = encode_records(records)
    if len(data) > MAX_RECORDS:
        raise InputError(
            f"{entry.path!r}: {len(data)} bytes of names and extended attributes; "
            f"readers of layers take at most {MAX_RECORDS}"
        )
    header = _ustar(_PAX_NAME, b"", b"x", b"", (0o644, 0, 0, len(data), mtime, 0, 0))
    return header + data + padding(len(data))


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _ustar(
    name: bytes,
    prefix: bytes,
    flag: bytes,
    link: bytes,
    numbers: tuple[int, int, int, int, int, int, int],
) -> bytes:
    head = b"%b%07o\0%07o\0%07o\0%011o\0%011o\0" % (name.ljust(100, b"\0"), *numbers[:5])
    tail = (
        b"%b%bustar\x0000%b%07o\0%07o\0%b"
        % (flag, link.ljust(100, b"\0"), _ZEROS[:64], *numbers[5:], prefix)
    ).ljust(BLOCK - 156, b"\0")
    # Adler-32's low half is one plus the sum of the bytes modulo 65521, which up to 257 bytes
    # cannot reach: the checksum at C speed. The checksum field counts as eight spaces.
    total = (adler32(head) & 0xFFFF) + (adler32(tail[:200]) & 0xFFFF)
    total += (adler32(tail[200:]) & 0xFFFF) - 3 + 256
    return b"%b%06o\0 %b" % (head, total, tail)
