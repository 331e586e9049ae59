"""The entries of two archives on disk, to be walked side by side in order of their paths.

An archive's own order is free and its entries are many: a temporary SQLite file keeps memory flat.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import msgspec

from samebit.errors import MachineError
from samebit.image.layer_members import Facts, Member

Row: TypeAlias = tuple[bytes, int, int, bytes]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[bytes, bytes]).decode

_LAYOUT = """
CREATE TABLE entry (
    side INTEGER, ordinal INTEGER, path BLOB, occurrence INTEGER, facts BLOB,
    PRIMARY KEY (side, ordinal)
) WITHOUT ROWID;
CREATE UNIQUE INDEX by_path ON entry (side, path, occurrence);
"""


@dataclass(frozen=True, slots=True)
class SpooledEntry:
    """An entry of one side; `occurrence` counts earlier entries of the same path."""

    path: bytes
    occurrence: int
    ordinal: int
    facts: Facts


class EntrySpool:
    """Entries of sides 0 and 1 in a database that nothing survives."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(_LAYOUT)
        database.execute("BEGIN")

    def add(self, side: int, member: Member) -> None:
        """Add a member, in the order of the archive."""
        self._database.execute(
            "INSERT INTO entry VALUES (?1, ?2, ?3, (SELECT 1 + COALESCE(MAX(occurrence), -1)"
            " FROM entry WHERE side = ?1 AND path = ?3), ?4)",
            (side, member.ordinal, member.path, encode_facts(member.facts)),
        )

    def count(self, side: int) -> int:
        """Give the number of entries."""
        row = self._database.execute("SELECT COUNT(*) FROM entry WHERE side = ?", (side,))
        return int(row.fetchone()[0])

    def by_path(self, side: int) -> Iterator[SpooledEntry]:
        """Give the entries in bytewise order of their paths."""
        rows = self._database.execute(
            "SELECT path, occurrence, ordinal, facts FROM entry INDEXED BY by_path"
            " WHERE side = ? ORDER BY path, occurrence",
            (side,),
        )
        for path, occurrence, ordinal, facts in rows:
            yield SpooledEntry(path, occurrence, ordinal, decode_facts(facts))

    def common_paths(self, side: int) -> Iterator[tuple[bytes, int]]:
        """Give path and occurrence of the entries that both sides have, in the archive's order."""
        yield from self._database.execute(
            "SELECT path, occurrence FROM entry AS mine WHERE side = ?1 AND EXISTS"
            " (SELECT 1 FROM entry AS other WHERE other.side = 1 - ?1"
            " AND other.path = mine.path AND other.occurrence = mine.occurrence)"
            " ORDER BY ordinal",
            (side,),
        )


@contextmanager
def temporary_database(directory: Path, name: str) -> Iterator[sqlite3.Connection]:
    """Give an empty database below `directory`, which is deleted afterwards.

    Raises MachineError when the disk is full or fails.
    """
    path = directory / f"{name}.sqlite"
    try:
        database = sqlite3.connect(path, isolation_level=None)
        try:
            for setting in (
                "journal_mode = OFF",
                "synchronous = OFF",
                "locking_mode = EXCLUSIVE",
                "cache_size = -32768",
            ):
                database.execute(f"PRAGMA {setting}")
            yield database
        finally:
            database.close()
            path.unlink(missing_ok=True)
    except sqlite3.Error as error:
        raise MachineError(
            f"cannot compare the entries of layers in {directory}: {error}",
            fix="free some space there, or choose another place with TMPDIR",
        ) from error


def encode_facts(facts: Facts) -> bytes:
    """Give facts as bytes that `decode_facts` reads."""
    return _encode({key.encode("utf-8", "surrogateescape"): value for key, value in facts.items()})


def decode_facts(data: bytes) -> Facts:
    """Give facts that `encode_facts` wrote."""
    return {key.decode("utf-8", "surrogateescape"): value for key, value in _decode(data).items()}
