"""Python's bytecode: still valid in the image, and without traces of the process that compiled."""

from __future__ import annotations

from typing import BinaryIO

from samebit.formats import pyc
from samebit.formats.streams import exactly
from samebit.image.entry import Entry, Kind
from samebit.normalisers.adapt import guarded
from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink

# What a source does not have: bytecode that was out of date when the build ended stays so.
_NEVER = (1, 2)


def _rewrite(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    return guarded(lambda: _normalise(source, size, sink, facts), facts)


def _normalise(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    if size > pyc.MAX_SIZE:
        return False
    data = exactly(source, size)
    if not pyc.is_pyc(data):
        return False
    new = pyc.normal_body(_with_time(data, facts))
    if new == data:
        return False
    sink(new)
    return True


def _with_time(data: bytes, facts: Facts) -> bytes:
    stated = pyc.stated_mtime(data)
    path = pyc.source_of(facts.entry.path)
    if stated is None or path is None:
        return data
    entry = facts.trees.entry(path)
    if entry is None:
        # Python looks at the time of a source only.
        return pyc.with_mtime(data, facts.epoch)
    if entry.kind not in (Kind.FILE, Kind.HARDLINK) or not facts.trees.in_layer(path):
        return data
    seen = facts.trees.mtime(path)
    if seen is None:
        return data
    is_valid = stated == seen & 0xFFFFFFFF and pyc.stated_size(data) == _size(entry, facts)
    if is_valid:
        return pyc.with_mtime(data, facts.epoch)
    return pyc.with_mtime(data, next(time for time in _NEVER if time != facts.epoch))


def _size(entry: Entry, facts: Facts) -> int:
    if entry.kind is Kind.HARDLINK:
        target = facts.trees.entry(entry.link)
        return target.size & 0xFFFFFFFF if target is not None else -1
    return entry.size & 0xFFFFFFFF


BYTECODE = Normaliser(
    name="python/bytecode",
    action=Action.REWRITE,
    paths=(b"**/*.pyc",),
    rewrite=_rewrite,
    why="The time of the source in the header becomes the time that the source has in the image, so"
    " that Python takes the bytecode; flags for shared objects stay only where they are used."
    " Bytecode that was out of date stays so.",
    reference="PEP 3147; PEP 552; Python/marshal.c; add-determinism, pyc",
)
