"""Compiled message catalogues (GNU gettext manual, "The Format of GNU MO Files")."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from time import gmtime, strftime
from typing import BinaryIO

from samebit.formats.streams import MalformedError, Sink, at, patched

LITTLE, BIG = b"\xde\x12\x04\x95", b"\x95\x04\x12\xde"
_MAX_HEADER = 1 << 20
_DATE = re.compile(
    rb"^(?:POT-Creation-Date|PO-Revision-Date): *(\d{4}-\d\d-\d\d \d\d:\d\d[+-]\d{4})",
    re.MULTILINE,
)


def rewrite_mo(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
    """Set the dates in the catalogue's own description, the translation of the empty text.

    `epoch` is in seconds. Every length stays, so that offsets and the hash table do too.
    """
    return patched(source, size, list(_patches(source, size, epoch)), sink)


def po_date(epoch: int) -> bytes:
    """Give `epoch` (seconds) in the form of catalogues' headers."""
    return strftime("%Y-%m-%d %H:%M+0000", gmtime(epoch)).encode("ascii")


def _patches(source: BinaryIO, size: int, epoch: int) -> Iterator[tuple[int, bytes]]:
    head = at(source, 0, 20)
    order = {LITTLE: "<", BIG: ">"}.get(head[:4])
    if order is None:
        raise MalformedError("not a message catalogue")
    revision, count, originals, translations = struct.unpack(order + "4I", head[4:])
    if revision >> 16 > 1 or count == 0:
        return
    # Texts are sorted, so the empty one is the first.
    length, _ = struct.unpack(order + "2I", at(source, originals, 8))
    if length:
        return
    length, start = struct.unpack(order + "2I", at(source, translations, 8))
    if length > _MAX_HEADER or start + length > size:
        raise MalformedError("a text outside of the message catalogue")
    date = po_date(epoch)
    for match in _DATE.finditer(at(source, start, length)):
        if len(date) == len(match[1]):
            yield start + match.start(1), date
