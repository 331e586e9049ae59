"""Tiny static programs, one for each processor, to try out what can run here."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Processor:
    """What the ELF header says (elf(5), psABI supplements), and exit(0) in machine code."""

    machine: int
    code: bytes
    bits: int = 64
    order: str = "<"
    flags: int = 0


_PROCESSORS = {
    # xor edi,edi; mov eax,60; syscall
    "amd64": _Processor(62, bytes.fromhex("31ffb83c0000000f05")),
    # mov x0,#0; mov x8,#93; svc #0
    "arm64": _Processor(183, bytes.fromhex("000080d2a80b80d2010000d4")),
    # mov r0,#0; mov r7,#1; svc #0
    "arm": _Processor(40, bytes.fromhex("0000a0e30170a0e3000000ef"), bits=32, flags=0x05000000),
    # xor ebx,ebx; mov eax,1; int 0x80
    "386": _Processor(3, bytes.fromhex("31dbb801000000cd80"), bits=32),
    # li r0,1; li r3,0; sc
    "ppc64le": _Processor(21, bytes.fromhex("010000380000603802000044"), flags=2),
    # li a7,93; li a0,0; ecall
    "riscv64": _Processor(243, bytes.fromhex("9308d0051305000073000000")),
    # lghi %r2,0; svc 1
    "s390x": _Processor(22, bytes.fromhex("a72900000a01"), order=">"),
}
_NATIVE = {
    "x86_64": "amd64",
    "aarch64": "arm64",
    "armv7l": "arm",
    "i686": "386",
    "ppc64le": "ppc64le",
    "riscv64": "riscv64",
    "s390x": "s390x",
}
ARCHITECTURES = tuple(_PROCESSORS)
"""The architectures, as platforms call them, that there is a program for."""


def exit_program(architecture: str | None = None) -> bytes | None:
    """Make a static ELF executable that exits with 0 (one segment); None where none is known.

    Without `architecture` it is for this machine.
    """
    known = _PROCESSORS.get(architecture or _NATIVE.get(os.uname().machine, ""))
    if known is None:
        return None
    address = 0x400000
    wide = known.bits == 64
    head, line = (64, 56) if wide else (52, 32)
    size = head + line + len(known.code)
    kind = bytes((2 if wide else 1, 1 if known.order == "<" else 2, 1))
    entry = address + head + line
    header = b"\x7fELF" + kind + bytes(9)
    header += struct.pack(
        known.order + ("HHIQQQIHHHHHH" if wide else "HHIIIIIHHHHHH"),
        *(2, known.machine, 1, entry, head, 0, known.flags, head, line, 1, 0, 0, 0),
    )
    if wide:
        segment = struct.pack(
            known.order + "IIQQQQQQ", 1, 5, 0, address, address, size, size, 0x1000
        )
    else:
        segment = struct.pack(
            known.order + "IIIIIIII", 1, 0, address, address, size, size, 5, 0x1000
        )
    return header + segment + known.code
