from __future__ import annotations

import struct
import zlib

from normalising import EPOCH, matches, named, rewritten
from strip_oracle import agree

U_BOOT = named("formats/u-boot")
FLAT = named("formats/flat-executable")


def u_boot(clock: int) -> bytes:
    def header(checksum: int) -> bytes:
        numbers = (0x27051956, checksum, clock, 4, 0x8000, 0x8000, zlib.crc32(b"data"), 0x05020201)
        return struct.pack(">8I32s", *numbers, b"kernel")

    return header(zlib.crc32(header(0))) + b"data"


def flat(clock: int) -> bytes:
    return (
        b"bFLT"
        + struct.pack(">10I", 4, 64, 100, 200, 300, 4096, 64, 1, 1, clock)
        + bytes(20)
        + b"x"
    )


def test_u_boot() -> None:
    variants = (u_boot(1_700_000_000), u_boot(1_750_000_000))
    assert matches(U_BOOT, b"boot/uImage", variants[0])
    assert agree(U_BOOT, variants, "a.uimage", "uimage") == u_boot(EPOCH)
    damaged = u_boot(1_700_000_000).replace(b"kernel", b"colonel")
    for data in (damaged, u_boot(0), u_boot(5)[:40]):
        assert rewritten(U_BOOT, data) == data


def test_flat_executables() -> None:
    variants = (flat(1_700_000_000), flat(1_750_000_000))
    assert matches(FLAT, b"bin/x", variants[0])
    assert agree(FLAT, variants, "a.bflt", "bflt") == flat(EPOCH)
    for data in (flat(0), flat(5)[:50], flat(5)[:44] + b"\1" * 20):
        assert rewritten(FLAT, data) == data
