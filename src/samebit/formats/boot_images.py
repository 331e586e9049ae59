"""Images for boot loaders and small kernels: the time in their headers.

U-Boot's legacy image (`image.h`) and uClinux's flat executables (`flat.h`, version 4).
"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from samebit.formats.streams import MalformedError, Sink, at, patched

UBOOT = b"\x27\x05\x19\x56"
FLAT = b"bFLT\0\0\0\x04"
_HEADER = 64


def rewrite_uboot(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Set the time to `epoch` (seconds) and the checksum of the header after it."""
    header = at(source, 0, _HEADER)
    blank = header[:4] + bytes(4) + header[8:]
    if not header.startswith(UBOOT) or zlib.crc32(blank) != struct.unpack_from(">I", header, 4)[0]:
        raise MalformedError("not a U-Boot image")
    if header[8:12] == bytes(4):
        return False
    new = blank[:8] + struct.pack(">I", epoch & 0xFFFFFFFF) + blank[12:]
    new = new[:4] + struct.pack(">I", zlib.crc32(new)) + new[8:]
    return patched(source, size, [(0, new)], sink)


def rewrite_flat(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Set the build date to `epoch` (seconds) where there is one."""
    header = at(source, 0, _HEADER)
    if not header.startswith(FLAT) or header[44:] != bytes(20):
        raise MalformedError("not a flat executable")
    if header[40:44] == bytes(4):
        return False
    return patched(source, size, [(40, struct.pack(">I", epoch & 0xFFFFFFFF))], sink)
