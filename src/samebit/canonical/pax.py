"""Extended header records of the pax format (POSIX.1-2017, pax, "pax Extended Header")."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from samebit.errors import InputError

# Go's archive/tar, which every common engine reads layers with, stops at this size.
MAX_RECORDS = 1 << 20
XATTR = b"SCHILY.xattr."
_MAX_LENGTH_DIGITS = 7


def encode_records(records: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Encode keyword-value pairs in the order given; each length counts its own digits."""
    parts = []
    for keyword, value in records:
        body = len(keyword) + len(value) + 3
        length = body + len(b"%d" % body)
        length = body + len(b"%d" % length)
        parts.append(b"%d %b=%b\n" % (length, keyword, value))
    return b"".join(parts)


def decode_records(data: bytes, what: str) -> Iterator[tuple[bytes, bytes]]:
    """Give the keyword-value pairs of an extended header that somebody else wrote.

    Raises InputError, naming `what`, for records that are malformed or run past the end.
    """
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + _MAX_LENGTH_DIGITS + 1)
        digits = data[position:space] if space > 0 else b""
        if not digits.isdigit():
            # Some writers pad the last block inside the declared size.
            if not data[position:].strip(b"\0"):
                return
            raise InputError(f"{what}: a pax record without a length")
        end = position + int(digits)
        keyword, equals, value = data[space + 1 : end - 1].partition(b"=")
        if end > len(data) or end <= space + 1 or data[end - 1] != 0x0A or not equals:
            raise InputError(f"{what}: a malformed pax record")
        if not keyword or b"\0" in keyword:
            raise InputError(f"{what}: a pax record with the keyword {keyword[:40]!r}")
        yield keyword, value
        position = end
