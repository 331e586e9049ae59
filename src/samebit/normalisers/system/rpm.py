"""rpm's database in SQLite: when each package was installed, and what deleted rows leave behind.

Headers are as in rpm's docs/manual/hregions.md: the two fields lie outside of the region that
signatures and digests cover.
"""

from __future__ import annotations

import struct
import tempfile
from contextlib import suppress
from typing import BinaryIO, cast

from samebit.formats.sqlite_file import NotSqliteError, Payload, SqliteFile
from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink
from samebit.normalisers.write_ahead import copy_with_log, empty_log, zeros

_FOLDERS = (b"var/lib/rpm/", b"usr/lib/sysimage/rpm/", b"usr/share/rpm/", b"**/.rpmdb/")
_INSTALL_TIME, _INSTALL_TID = 1008, 1128
_INT32 = 4
_MAX_FIELDS = 1 << 16
_CHUNK = 1 << 20
_MAGIC = (0, b"SQLite format 3\0")


def _rewrite(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    if facts.epoch >= 1 << 31:
        return False
    with tempfile.TemporaryFile(dir=facts.scratch) as made:
        copy = cast("BinaryIO", made)
        try:
            changed = _normalise(source, size, copy, facts)
        except (NotSqliteError, struct.error):
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
    known = _base_times(facts)
    database = SqliteFile(copy, size)
    tables = database.tables()
    new = struct.pack(">I", facts.epoch)
    for number, payload in database.rows(tables.get("Packages", 0)):
        for at in _times(payload):
            old = payload.read(at, 4)
            if old != new and (number, old) not in known:
                payload.write(at, new)
                changed = True
    # The index of transactions has the number in the order of the machine.
    index = new[::-1]
    for _, payload in database.rows(tables.get("Installtid", 0)):
        columns = payload.columns()
        if len(columns) != 3:
            raise NotSqliteError
        old = payload.value(columns[0])
        number = int.from_bytes(payload.value(columns[1]), "big") if columns[1][0] != 9 else 1
        if len(old) == 4 and old != index and (number, old[::-1]) not in known:
            payload.write(columns[0][1], index)
            changed = True
    return database.clean() or changed


def _times(payload: Payload) -> list[int]:
    """Find where a header holds the two times (count, size, 16 bytes a field, then the data)."""
    columns = payload.columns()
    if len(columns) != 2:
        raise NotSqliteError
    start = columns[1][1]
    count, size = struct.unpack(">II", payload.read(start, 8))
    if count > _MAX_FIELDS or 8 + 16 * count + size > payload.size - start:
        raise NotSqliteError
    data = start + 8 + 16 * count
    return [
        data + offset
        for tag, kind, offset, number in struct.iter_unpack(
            ">IIiI", payload.read(start + 8, 16 * count)
        )
        if tag in (_INSTALL_TIME, _INSTALL_TID) and kind == _INT32 and number == 1
        if 0 <= offset <= size - 4
    ]


def _base_times(facts: Facts) -> set[tuple[int, bytes]]:
    """Give the times of the base's packages, with their numbers: these stay."""
    base = facts.trees.base_entry(facts.entry.path)
    file = facts.trees.open_base(facts.entry.path)
    found: set[tuple[int, bytes]] = set()
    if base is None or file is None:
        return found
    with file, suppress(NotSqliteError, struct.error):
        database = SqliteFile(file, base.size)
        for number, payload in database.rows(database.tables().get("Packages", 0)):
            found |= {(number, payload.read(at, 4)) for at in _times(payload)}
    return found


def _report(_source: BinaryIO, _size: int, _sink: Sink, facts: Facts) -> bool:
    return facts.leave("is an rpm database in a format that is not rewritten yet")


RPMDB = Normaliser(
    name="rpm/rpmdb",
    action=Action.REWRITE,
    paths=tuple(folder + b"rpmdb.sqlite" for folder in _FOLDERS),
    magic=(_MAGIC,),
    rewrite=_rewrite,
    made_here=True,
    rank=20,
    why="The installation times of packages that the build added become the epoch, and bytes that"
    " belong to no row become zero. rpm -qa, -V and -qi read the same database.",
    reference="rpm, lib/backend/sqlite.c and docs/manual/hregions.md; sqlite.org/fileformat2.html",
)
RPMDB_LOG = Normaliser(
    name="rpm/rpmdb-log",
    action=Action.REWRITE,
    paths=tuple(folder + b"rpmdb.sqlite-wal" for folder in _FOLDERS),
    rewrite=empty_log(_rewrite),
    made_here=True,
    rank=20,
    why="The write-ahead log, which has salts: its pages are put into the database.",
    reference="sqlite.org/fileformat2.html, section 4",
)
RPMDB_INDEX = Normaliser(
    name="rpm/rpmdb-index",
    action=Action.REWRITE,
    paths=tuple(folder + b"rpmdb.sqlite-shm" for folder in _FOLDERS),
    rewrite=zeros,
    made_here=True,
    rank=20,
    why="Shared memory about the write-ahead log, with salts and locks. SQLite makes it anew from"
    " the log when it is zero; the file stays, for readers who may not make one.",
    reference="sqlite.org/walformat.html, section 2",
)
RPMDB_OTHER = Normaliser(
    name="rpm/rpmdb-other",
    action=Action.REWRITE,
    paths=tuple(folder + name for folder in _FOLDERS for name in (b"Packages", b"Packages.db")),
    rewrite=_report,
    made_here=True,
    rank=20,
    why="Nothing is changed: databases in the Berkeley DB and ndb formats are reported.",
    reference="rpm, lib/backend",
)
