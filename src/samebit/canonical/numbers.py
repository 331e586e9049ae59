"""Numbers in tar headers and pax records as other programs write them."""

from __future__ import annotations

from samebit.errors import InputError

MAX_DIGITS = 19


def number(field: bytes, what: str) -> int:
    """Read an octal field, or GNU's base-256 form (first byte 0x80, or 0xff when negative).

    Raises InputError, naming `what`, for anything else and for more than 64 bits.
    """
    digits = field[:-1]
    if digits.isdigit() and field[-1] in b"\0 " and b"8" not in digits and b"9" not in digits:
        # How nearly all of them are written.
        return int(digits, 8)
    if field[0] & 0x80:
        value = int.from_bytes(field, "big")
        if field[0] == 0xFF:
            value -= 1 << (8 * len(field))
        elif field[0] == 0x80:
            value -= 0x80 << (8 * len(field) - 8)
        else:
            raise InputError(f"{what}: a malformed number {field!r}")
        if not -(2**63) <= value < 2**63:
            raise InputError(f"{what}: a number of more than 64 bits")
        return value
    text = field.strip(b" \0").partition(b"\0")[0].rstrip(b" ")
    if not text:
        return 0
    # int() alone would also take signs, underscores and a 0o prefix.
    if not text.isdigit() or b"8" in text or b"9" in text:
        raise InputError(f"{what}: a malformed number {field!r}")
    return int(text, 8)


def decimal(text: bytes, what: str) -> int:
    """Read a decimal number as pax records write it; raises InputError for anything else."""
    if not text.isdigit() or len(text) > MAX_DIGITS:
        raise InputError(f"{what}: a malformed number {text[:40]!r}")
    return int(text)
