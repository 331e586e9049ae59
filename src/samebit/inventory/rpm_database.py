"""The headers of installed packages in rpm's databases (rpm, lib/backend, docs/manual/hregions.md).

SQLite, which Fedora and its kin have, and ndb, which SUSE has. Berkeley DB, which rpm has not
written since 2020, is not read.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from samebit.formats.sqlite_file import NotSqliteError, SqliteFile, apply_wal

_NDB_MAGIC, _SLOT_MAGIC, _BLOB_MAGIC = b"RpmP", b"Slot", b"BlbS"
_PAGE, _SLOT, _BLOCK = 4096, 16, 16
_MOST_PACKAGES = 100_000
# Rows of a hostile database may all share their pages.
_MOST_BYTES = 512 << 20
_MOST_FIELDS = 1 << 16
_INT32, _STRING, _STRINGS, _TEXTS = 4, 6, 8, 9


@dataclass(frozen=True, slots=True)
class RpmHeader:
    """A package's header: places of its fields by tag, as type, offset and count."""

    fields: dict[int, tuple[int, int, int]]
    data: bytes

    def text(self, tag: int) -> bytes:
        """Give a string, empty when the header has none."""
        kind, offset, _ = self.fields.get(tag, (0, 0, 0))
        return self._strings(offset, 1)[0] if kind in (_STRING, _STRINGS, _TEXTS) else b""

    def texts(self, tag: int) -> list[bytes]:
        """Give an array of strings."""
        kind, offset, count = self.fields.get(tag, (0, 0, 0))
        return self._strings(offset, count) if kind in (_STRING, _STRINGS) else []

    def numbers(self, tag: int) -> list[int]:
        """Give an array of numbers of 32 bits."""
        kind, offset, count = self.fields.get(tag, (0, 0, 0))
        if kind != _INT32:
            return []
        count = min(count, max(0, len(self.data) - offset) // 4)
        return list(struct.unpack_from(f">{count}I", self.data, offset))

    def _strings(self, offset: int, count: int) -> list[bytes]:
        # The last piece is what follows the last string that was asked for.
        return self.data[offset:].split(b"\0", count)[:count] or [b""]


def parse_header(blob: bytes) -> RpmHeader | None:
    """Read a header as databases keep it (no magic before it), None when it is none."""
    if len(blob) < 8:
        return None
    count, size = struct.unpack_from(">II", blob)
    start = 8 + 16 * count
    if count > _MOST_FIELDS or start + size > len(blob):
        return None
    fields: dict[int, tuple[int, int, int]] = {}
    for tag, kind, offset, number in struct.iter_unpack(">IIiI", blob[8:start]):
        if 0 <= offset < size:
            fields.setdefault(tag, (kind, offset, number))
    return RpmHeader(fields, blob[start : start + size])


def sqlite_headers(database: bytes, log: bytes) -> Iterator[bytes]:
    """Give the headers in rpmdb.sqlite and its write-ahead log; what is damaged ends it."""
    file = io.BytesIO(database)
    size = len(database)
    left = _MOST_BYTES
    try:
        if log:
            size = apply_wal(file, size, io.BytesIO(log), len(log))
        found = SqliteFile(file, size)
        for number, (_, payload) in enumerate(found.rows(found.tables().get("Packages", 0))):
            columns = payload.columns()
            left -= payload.size
            if len(columns) != 2 or number >= _MOST_PACKAGES or left < 0:
                return
            yield payload.read(columns[1][1], payload.size)
    except (NotSqliteError, struct.error):
        return


def ndb_headers(database: bytes) -> Iterator[bytes]:
    """Give the headers in Packages.db; what is damaged ends it (rpm, lib/backend/ndb/rpmpkg.c)."""
    if database[:4] != _NDB_MAGIC or len(database) < 32:
        return
    (pages,) = struct.unpack_from("<I", database, 12)
    # The first two slots are the file's header.
    end = min(pages * _PAGE, len(database) - _SLOT)
    left = _MOST_BYTES
    for at in range(2 * _SLOT, min(end, _MOST_PACKAGES * _SLOT), _SLOT):
        magic, index, offset, _ = struct.unpack_from("<4sIII", database, at)
        if magic != _SLOT_MAGIC:
            return
        start = offset * _BLOCK
        if not index or not offset or start + 16 > len(database):
            continue
        head, owner, _, size = struct.unpack_from("<4sIII", database, start)
        left -= size
        if head == _BLOB_MAGIC and owner == index and start + 16 + size <= len(database):
            if left < 0:
                return
            yield database[start + 16 : start + 16 + size]
