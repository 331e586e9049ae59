"""Names of processor architectures in the numbers of each format."""

from __future__ import annotations

# System V ABI, e_machine.
ELF = {
    2: "sparc", 3: "386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm",
    43: "sparc64", 62: "amd64", 183: "arm64", 243: "riscv64", 247: "bpf", 258: "loong64",
}  # fmt: skip
# PE format, "Machine Types".
PE = {0x14C: "386", 0x8664: "amd64", 0xAA64: "arm64", 0x1C4: "arm", 0xEBC: "efi byte code"}
# mach/machine.h.
MACHO = {7: "386", 0x01000007: "amd64", 12: "arm", 0x0100000C: "arm64", 18: "ppc"}


def elf_name(machine: int, *, wide: bool, order: str) -> str:
    """Name an ELF machine; the endianness where both are in use."""
    name = ELF.get(machine, f"machine {machine}")
    if machine in (8, 21):
        name = {8: "mips64" if wide else "mips"}.get(machine, name)
        name += "le" if order == "<" else ""
    return name
