"""The extra fields of zip members (Info-ZIP's extrafld.txt): times and owners in them.

Every field keeps its length and its place, so that an archive is rewritten without moving a byte.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

ZIP64 = 0x0001
NTFS = 0x000A
UNIX = 0x000D
INFO_ZIP_UNIX_1 = 0x5855
UNIVERSAL_TIME = 0x5455
INFO_ZIP_UNIX_2 = 0x7855
INFO_ZIP_UNIX_3 = 0x7875
ASI_UNIX = 0x756E
ALIGNMENT = 0xD935
# From 1601-01-01 to 1970-01-01, in seconds.
_NTFS_EPOCH = 11_644_473_600


def fields(extra: bytes) -> Iterator[tuple[int, int, int]]:
    """Give identifier, start and end of the content of each field that is whole."""
    start = 0
    while start + 4 <= len(extra):
        identifier, length = struct.unpack_from("<HH", extra, start)
        start += 4
        if start + length > len(extra):
            return
        yield identifier, start, start + length
        start += length


def is_regular(extra: bytes) -> bool:
    """Tell whether the fields fill the area: zipalign, for one, fills it with other bytes."""
    ends = [end for _, _, end in fields(extra)]
    return (ends[-1] if ends else 0) == len(extra)


def normal_extra(extra: bytes, seconds: int) -> bytes:
    """Give the fields with every time at `seconds` since 1970 and every owner 0."""
    if not extra:
        return extra
    result = bytearray(extra)
    for identifier, start, end in fields(extra):
        if identifier == UNIVERSAL_TIME:
            for at in range(start + 1, end - 3, 4):
                struct.pack_into("<I", result, at, seconds & 0xFFFFFFFF)
        elif identifier == NTFS:
            _ntfs(result, start + 4, end, seconds)
        elif identifier in (UNIX, INFO_ZIP_UNIX_1):
            _unix_times(result, start, end, seconds)
        elif identifier == INFO_ZIP_UNIX_2:
            result[start:end] = bytes(end - start)
        elif identifier == INFO_ZIP_UNIX_3:
            _unix_owner(result, start, end)
        elif identifier == ASI_UNIX:
            _asi(result, start, end)
    return bytes(result)


def _ntfs(data: bytearray, start: int, end: int, seconds: int) -> None:
    while start + 4 <= end:
        tag, length = struct.unpack_from("<HH", data, start)
        start += 4
        if tag == 1 and length == 24 and start + 24 <= end:
            ticks = (seconds + _NTFS_EPOCH) * 10_000_000
            struct.pack_into("<QQQ", data, start, ticks, ticks, ticks)
        start += length


def _unix_times(data: bytearray, start: int, end: int, seconds: int) -> None:
    # Access time, modification time, then the owners of 16 bits, which central records lack.
    if end - start >= 8:
        struct.pack_into("<II", data, start, seconds & 0xFFFFFFFF, seconds & 0xFFFFFFFF)
    if end - start >= 12:
        data[start + 8 : start + 12] = bytes(4)


def _unix_owner(data: bytearray, start: int, end: int) -> None:
    if end - start < 3 or data[start] != 1:
        return
    at = start + 1
    for _ in range(2):
        if at >= end or at + 1 + data[at] > end:
            return
        length = data[at]
        data[at + 1 : at + 1 + length] = bytes(length)
        at += 1 + length


def _asi(data: bytearray, start: int, end: int) -> None:
    # CRC of what follows, mode, size or device, uid, gid, link target.
    if end - start < 14:
        return
    (checksum,) = struct.unpack_from("<I", data, start)
    if zlib.crc32(data[start + 4 : end]) != checksum:
        return
    data[start + 10 : start + 14] = bytes(4)
    struct.pack_into("<I", data, start, zlib.crc32(data[start + 4 : end]))
