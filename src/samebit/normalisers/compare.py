"""Whether two contents of one path differ in no more than what a normaliser takes away."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from samebit.formats.streams import copy
from samebit.image.entry import Entry, Kind
from samebit.model.normalising import NO_CHOICES
from samebit.normalisers.protocol import HEAD, Facts, Normaliser, Scope
from samebit.normalisers.selection import NormaliserSelection

# Each content is read twice more; what is larger is told by its bytes alone.
MOST_BYTES = 64 << 20


def comparing(number: int) -> NormaliserSelection:
    """Select all of set `number`, with what never ships."""
    return NormaliserSelection.of(number, NO_CHOICES, frozenset(Scope))


def equalising(
    path: bytes,
    a: BinaryIO,
    b: BinaryIO,
    selection: NormaliserSelection,
    *,
    epoch: int,
    scratch: Path,
) -> Normaliser | None:
    """Give the normaliser that leaves the path out, or makes both contents of it the same.

    None when there is none, or when a file has more than MOST_BYTES. `epoch` is in seconds,
    `scratch` a directory for temporary files. Raises OSError.
    """
    sizes = a.seek(0, 2), b.seek(0, 2)
    if max(sizes) > MOST_BYTES:
        return None
    sides = []
    for file, size in zip((a, b), sizes, strict=True):
        file.seek(0)
        sides.append((file, Entry(path, Kind.FILE, 0o644, size=size), file.read(HEAD)))
    for one in selection.find(path):
        if one.private or not all(one.recognises(entry, head) for _, entry, head in sides):
            continue
        if one.rewrite is None:
            return one
        digests = {
            _digest(one, file, Facts(epoch, entry, scratch=scratch)) for file, entry, _ in sides
        }
        if len(digests) == 1:
            return one
    return None


def _digest(normaliser: Normaliser, file: BinaryIO, facts: Facts) -> bytes:
    assert normaliser.rewrite is not None
    written = hashlib.sha256()
    file.seek(0)
    if normaliser.rewrite(file, facts.entry.size, written.update, facts):
        return written.digest()
    file.seek(0)
    whole = hashlib.sha256()
    copy(file, facts.entry.size, whole.update)
    return whole.digest()
