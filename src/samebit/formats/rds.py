"""R's serialised objects (R Internals, 1.8): when a package was packed and installed.

The dates are fixed text inside of a compressed stream, so that their length stays.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import BinaryIO

from samebit.formats.deflate import deflated
from samebit.formats.lines import sql_date
from samebit.formats.streams import MalformedError, Sink, exactly

MAX_CONTENT = 16 << 20
"""Larger objects, in bytes before compression, are left alone."""

_HEADER = bytes.fromhex("1f8b08000000000000ff")
_DATES = re.compile(
    rb"(?P<before>R \d+\.\d+\.\d+; [^;\0\n]{0,80}; |\x00\x04\x00\x09\x00\x00\x00.)"
    rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= UTC[;\0])",
    re.DOTALL,
)


def rewrite_package_rds(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Set the dates `Built` and `Packaged` of an installed package to `epoch` (seconds)."""
    if size > MAX_CONTENT:
        raise MalformedError("a serialised object of more than 16 MiB")
    inflater = zlib.decompressobj(wbits=31)
    try:
        old = inflater.decompress(exactly(source, size), MAX_CONTENT)
    except zlib.error:
        raise MalformedError("damaged gzip data") from None
    if not inflater.eof or inflater.unused_data or not old.startswith(b"X\n"):
        raise MalformedError("not one serialised object")
    date = sql_date(epoch)
    if len(date) != 19:
        raise MalformedError("a date that has another length")
    new = _DATES.sub(lambda match: match["before"] + date, old)
    if new == old:
        return False
    sink(_HEADER)
    sink(deflated(new))
    sink(struct.pack("<II", zlib.crc32(new), len(new)))
    return True
