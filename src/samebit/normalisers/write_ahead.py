"""SQLite's write-ahead log beside a database that a normaliser rewrites.

Programs that end without closing their database leave it (sqlite.org/wal.html). It has salts, and
so has the shared memory about it.
"""

from __future__ import annotations

import shutil
from typing import BinaryIO

from samebit.formats.sqlite_file import apply_wal
from samebit.normalisers.protocol import Facts, Rewriter, Sink

_CHUNK = 1 << 20


def copy_with_log(
    source: BinaryIO, size: int, copy: BinaryIO, facts: Facts
) -> tuple[int, bool] | None:
    """Copy a database and put the pages of its log into the copy.

    Gives the copy's size and whether there was a log, None when it cannot be read. Raises
    NotSqliteError.
    """
    shutil.copyfileobj(source, copy, _CHUNK)
    wal = facts.trees.entry(facts.entry.path + b"-wal")
    if wal is None or not wal.size:
        return size, False
    log = facts.trees.open(wal.path)
    if log is None:
        return None
    with log:
        return apply_wal(copy, size, log, wal.size), True


def empty_log(rewrite: Rewriter) -> Rewriter:
    """Make a rewriter that empties the log of a database which `rewrite` has put it into."""

    def emptied(_source: BinaryIO, size: int, _sink: Sink, facts: Facts) -> bool:
        path = facts.entry.path.removesuffix(b"-wal")
        database = facts.trees.entry(path)
        if not size or database is None or not facts.trees.in_layer(path):
            return False
        file = facts.trees.open(path)
        if file is None:
            return False
        with file:
            about = Facts(facts.epoch, database, facts.trees, facts.scratch)
            return rewrite(file, database.size, lambda _: None, about)

    return emptied


def zeros(source: BinaryIO, size: int, sink: Sink, _facts: Facts) -> bool:
    """Write as many zeros: SQLite makes the shared memory anew from the log."""
    changed = False
    left = size
    while left:
        data = source.read(min(left, _CHUNK))
        if not data:
            return False
        left -= len(data)
        changed = changed or any(data)
        sink(bytes(len(data)))
    return changed
