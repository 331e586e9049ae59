"""dnf's history of transactions: when each began and ended.

The database also says which packages a person asked for, which `dnf autoremove` decides by, so it
is rewritten and not thrown away.
"""

from __future__ import annotations

import tempfile
from typing import BinaryIO, cast

from samebit.formats.sqlite_file import NotSqliteError, SqliteFile
from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink
from samebit.normalisers.write_ahead import copy_with_log, empty_log, zeros

_CHUNK = 1 << 20
# Table trans: id, dt_begin, dt_end, rpmdb_version_begin, rpmdb_version_end, releasever, …
_TIMES = (1, 2)
_FIELDS = range(9, 12)


def _rewrite(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    with tempfile.TemporaryFile(dir=facts.scratch) as made:
        copy = cast("BinaryIO", made)
        try:
            changed = _normalise(source, size, copy, facts)
        except NotSqliteError:
            return False
        if not changed:
            return False
        copy.seek(0)
        while data := copy.read(_CHUNK):
            sink(data)
    return True


def _normalise(source: BinaryIO, size: int, copy: BinaryIO, facts: Facts) -> bool:
    copied = copy_with_log(source, size, copy, facts)
    if copied is None:
        return False
    size, changed = copied
    known = _base_transactions(facts)
    database = SqliteFile(copy, size)
    for number, payload in database.rows(database.tables().get("trans", 0)):
        columns = payload.columns()
        if len(columns) not in _FIELDS:
            raise NotSqliteError
        if number in known:
            continue
        for position in _TIMES:
            column = columns[position]
            before = payload.value(column)
            # A time of 1980 needs as many bytes as one of today.
            if payload.set_integer(column, facts.epoch):
                changed = changed or payload.value(column) != before
    return database.clean() or changed


def _base_transactions(facts: Facts) -> frozenset[int]:
    entry = facts.trees.base_entry(facts.entry.path)
    file = facts.trees.open_base(facts.entry.path)
    if entry is None or file is None:
        return frozenset()
    with file:
        try:
            database = SqliteFile(file, entry.size)
            rows = database.rows(database.tables().get("trans", 0))
            return frozenset(number for number, _ in rows)
        except NotSqliteError:
            return frozenset()


DNF_HISTORY = Normaliser(
    name="rpm/dnf-history",
    action=Action.REWRITE,
    paths=(b"var/lib/dnf/history.sqlite",),
    magic=((0, b"SQLite format 3\0"),),
    rewrite=_rewrite,
    made_here=True,
    rank=20,
    why="The times of the transactions that the build added become the epoch; what was asked for,"
    " which dnf autoremove and dnf history need, stays.",
    reference="libdnf, transaction/sql/create.sql",
)
DNF_HISTORY_LOG = Normaliser(
    name="rpm/dnf-history-log",
    action=Action.REWRITE,
    paths=(b"var/lib/dnf/history.sqlite-wal",),
    rewrite=empty_log(_rewrite),
    made_here=True,
    rank=20,
    why="The write-ahead log, which has salts and which dnf leaves at its end: its pages are put"
    " into the database.",
    reference="sqlite.org/fileformat2.html, section 4",
)
DNF_HISTORY_INDEX = Normaliser(
    name="rpm/dnf-history-index",
    action=Action.REWRITE,
    paths=(b"var/lib/dnf/history.sqlite-shm",),
    rewrite=zeros,
    made_here=True,
    rank=20,
    why="Shared memory about the write-ahead log. SQLite makes it anew when it is zero.",
    reference="sqlite.org/walformat.html, section 2",
)
