"""dnf's history of transactions: when each began and ended.

The database also says which packages a person asked for, which `dnf autoremove` decides by, so it
is rewritten and not thrown away.
"""

from __future__ import annotations

import shutil
import tempfile
from typing import BinaryIO, cast

from samebit.formats.sqlite_file import NotSqliteError, SqliteFile
from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink

_CHUNK = 1 << 20
# Table trans: id, dt_begin, dt_end, rpmdb_version_begin, rpmdb_version_end, releasever, …
_TIMES = (1, 2)
_FIELDS = range(9, 12)


def _rewrite(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    log = facts.trees.entry(facts.entry.path + b"-wal")
    if log is not None and log.size:
        return facts.leave("has a write-ahead log that dnf did not finish")
    with tempfile.TemporaryFile(dir=facts.scratch) as made:
        copy = cast("BinaryIO", made)
        shutil.copyfileobj(source, copy, _CHUNK)
        try:
            changed = _normalise(copy, size, facts)
        except NotSqliteError:
            return False
        if not changed:
            return False
        copy.seek(0)
        while data := copy.read(_CHUNK):
            sink(data)
    return True


def _normalise(copy: BinaryIO, size: int, facts: Facts) -> bool:
    known = _base_transactions(facts)
    database = SqliteFile(copy, size)
    changed = False
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
