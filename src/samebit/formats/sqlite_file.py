"""SQLite database files (sqlite.org/fileformat2.html), changed in place, page by page.

Not by the SQLite library: what that writes depends on its version, and so on the machine. What is
changed here keeps its place and size, and what no longer belongs to anything becomes zero.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

MAGIC = b"SQLite format 3\0"
_LEAF_TABLE, _INNER_TABLE, _LEAF_INDEX, _INNER_INDEX = 13, 5, 10, 2
_WAL_MAGIC = {0x377F0682: "<", 0x377F0683: ">"}
_WAL_HEADER, _FRAME_HEADER = 32, 24
_MAX_DEPTH = 40
_LARGEST_VALUE = 1 << 16


class NotSqliteError(Exception):
    """The file is no SQLite database, damaged, or of a kind that is not handled here."""


@dataclass(frozen=True, slots=True)
class Payload:
    """The bytes of a row: where they lie in the file, piece by piece."""

    file: BinaryIO
    pieces: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """Number of bytes."""
        return sum(length for _, length in self.pieces)

    def read(self, at: int, count: int) -> bytes:
        """Read `count` bytes from `at` on; fewer at the end."""
        data = b""
        for start, length in self._parts(at, count):
            self.file.seek(start)
            data += self.file.read(length)
        return data

    def write(self, at: int, data: bytes) -> None:
        """Replace bytes from `at` on. Raises NotSqliteError beyond the end."""
        done = 0
        for start, length in self._parts(at, len(data)):
            self.file.seek(start)
            self.file.write(data[done : done + length])
            done += length
        if done < len(data):
            raise NotSqliteError

    def _parts(self, at: int, count: int) -> Iterator[tuple[int, int]]:
        for start, length in self.pieces:
            if at < length and count > 0:
                taken = min(length - at, count)
                yield start + at, taken
                count -= taken
                at = 0
            else:
                at -= min(at, length)

    def columns(self) -> tuple[tuple[int, int], ...]:
        """Give serial type and offset of each column (section 2.1). Raises NotSqliteError."""
        head = self.read(0, 9)
        size, at = _varint(head, 0)
        if size > _LARGEST_VALUE:
            raise NotSqliteError
        head = self.read(0, size)
        found = []
        offset = size
        while at < size:
            kind, at = _varint(head, at)
            found.append((kind, offset))
            offset += _length(kind)
        if at != size or offset > self.size:
            raise NotSqliteError
        return tuple(found)

    def value(self, column: tuple[int, int]) -> bytes:
        """Give a column's bytes as stored. Raises NotSqliteError for more than a name."""
        length = _length(column[0])
        if length > _LARGEST_VALUE:
            raise NotSqliteError
        return self.read(column[1], length)

    def set_integer(self, column: tuple[int, int], value: int) -> bool:
        """Store another integer in a column's place; False when it does not fit."""
        length = _length(column[0])
        if not 1 <= column[0] <= 6 or not -(1 << 8 * length - 1) <= value < 1 << 8 * length - 1:
            return False
        self.write(column[1], value.to_bytes(length, "big", signed=True))
        return True


class SqliteFile:
    """A database in a file that can be read and written. Methods raise NotSqliteError."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        header = self._at(0, 100)
        if len(header) < 100 or header[:16] != MAGIC:
            raise NotSqliteError
        page = struct.unpack_from(">H", header, 16)[0]
        self.page_size = 65536 if page == 1 else page
        self._usable = self.page_size - header[20]
        self._free_head, self._free_count = struct.unpack_from(">II", header, 32)
        # Databases that move their pages (auto_vacuum) have pages of another kind besides.
        vacuum = struct.unpack_from(">I", header, 52)[0]
        if self.page_size < 512 or self.page_size & (self.page_size - 1) or vacuum:
            raise NotSqliteError
        self.pages, rest = divmod(size, self.page_size)
        if rest or self._usable < 480 or self._free_count > self.pages:
            raise NotSqliteError
        self._seen: set[int] = set()

    def tables(self) -> dict[str, int]:
        """Give the root page of each table by its name."""
        return {name: root for kind, name, root in self._schema() if kind == "table" and root}

    def rows(self, root: int) -> Iterator[tuple[int, Payload]]:
        """Give the row IDs and payloads of a table."""
        for page in self._walk(root):
            data = self._page(page)
            if data[self._base(page)] == _LEAF_TABLE:
                for at in self._cells(page, data):
                    size, after = _varint(data, at)
                    rowid, after = _varint(data, after)
                    yield rowid, self._payload(page, data, after, size, table=True)[0]

    def clean(self) -> bool:
        """Make all bytes zero that belong to no row; tells whether any was not."""
        changed = False
        for root in {1, *(root for _, _, root in self._schema() if root)}:
            for page in self._walk(root):
                changed = self._clean_page(page) or changed
        return self._clean_free() or changed

    def _schema(self) -> list[tuple[str, str, int]]:
        found = []
        for _, payload in self.rows(1):
            columns = payload.columns()
            if len(columns) != 5:
                raise NotSqliteError
            kind = payload.value(columns[0]).decode("utf-8", "replace")
            name = payload.value(columns[1]).decode("utf-8", "replace")
            root = columns[3]
            number = int.from_bytes(payload.value(root), "big") if 1 <= root[0] <= 6 else 0
            found.append((kind, name, 1 if root[0] == 9 else number))
        return found

    def _walk(self, root: int) -> Iterator[int]:
        pending = [(root, 0)]
        seen: set[int] = set()
        while pending:
            page, depth = pending.pop()
            if page in seen or depth > _MAX_DEPTH or not 1 <= page <= self.pages:
                raise NotSqliteError
            seen.add(page)
            data = self._page(page)
            base = self._base(page)
            if data[base] in (_INNER_TABLE, _INNER_INDEX):
                children = [struct.unpack_from(">I", data, base + 8)[0]]
                children += [
                    struct.unpack_from(">I", data, at)[0] for at in self._cells(page, data)
                ]
                pending += [(child, depth + 1) for child in children]
            elif data[base] not in (_LEAF_TABLE, _LEAF_INDEX):
                raise NotSqliteError
            yield page

    def _cells(self, page: int, data: bytes) -> list[int]:
        base = self._base(page)
        count = struct.unpack_from(">H", data, base + 3)[0]
        start = base + (12 if data[base] in (_INNER_TABLE, _INNER_INDEX) else 8)
        if start + 2 * count > self._usable:
            raise NotSqliteError
        cells = list(struct.unpack_from(f">{count}H", data, start))
        if any(not start + 2 * count <= at <= self._usable - 4 for at in cells):
            raise NotSqliteError
        return cells

    def _payload(
        self, page: int, data: bytes, at: int, size: int, *, table: bool
    ) -> tuple[Payload, int]:
        """Give a payload, and where its cell ends in the page (section 1.6)."""
        usable = self._usable
        largest = usable - 35 if table else (usable - 12) * 64 // 255 - 23
        local = size
        if size > largest:
            smallest = (usable - 12) * 32 // 255 - 23
            local = smallest + (size - smallest) % (usable - 4)
            local = smallest if local > largest else local
        if at + local > usable:
            raise NotSqliteError
        pieces = [(self._offset(page) + at, local)]
        end = at + local
        left = size - local
        if left:
            if end + 4 > usable:
                raise NotSqliteError
            following = struct.unpack_from(">I", data, end)[0]
            end += 4
            while left > 0:
                if not 1 <= following <= self.pages or len(pieces) > self.pages:
                    raise NotSqliteError
                taken = min(left, usable - 4)
                pieces.append((self._offset(following) + 4, taken))
                left -= taken
                following = struct.unpack(">I", self._at(self._offset(following), 4))[0]
        return Payload(self._file, tuple(pieces)), end

    def _clean_page(self, page: int) -> bool:
        data = self._page(page)
        base = self._base(page)
        kind = data[base]
        cells = self._cells(page, data)
        used = [(0, base + (12 if kind in (_INNER_TABLE, _INNER_INDEX) else 8) + 2 * len(cells))]
        changed = False
        for start in cells:
            at = start + (4 if kind in (_INNER_TABLE, _INNER_INDEX) else 0)
            if kind == _INNER_TABLE:
                _, at = _varint(data, at)
                used.append((start, at))
                continue
            size, at = _varint(data, at)
            if kind == _LEAF_TABLE:
                _, at = _varint(data, at)
            payload, end = self._payload(page, data, at, size, table=kind == _LEAF_TABLE)
            used.append((start, max(end, start + 4)))
            changed = self._clean_last(payload) or changed
        free = struct.unpack_from(">H", data, base + 1)[0]
        while free:
            if free + 4 > self._usable:
                raise NotSqliteError
            used.append((free, free + 4))
            following = struct.unpack_from(">H", data, free)[0]
            if following and following <= free:
                raise NotSqliteError
            free = following
        new = bytearray(data)
        done = 0
        for start, end in sorted(used):
            if start > done:
                new[done:start] = bytes(start - done)
            done = max(done, end)
        if done < self._usable:
            new[done : self._usable] = bytes(self._usable - done)
        return self._put(page, data, bytes(new)) or changed

    def _clean_last(self, payload: Payload) -> bool:
        """Make zero what follows a payload's end in its last overflow page."""
        if len(payload.pieces) < 2:
            return False
        start, length = payload.pieces[-1]
        rest = self._usable - 4 - length
        if not any(self._at(start + length, rest)):
            return False
        self._file.seek(start + length)
        self._file.write(bytes(rest))
        return True

    def _clean_free(self) -> bool:
        changed = False
        trunk, left = self._free_head, self._free_count
        while trunk:
            left -= 1
            if not 1 < trunk <= self.pages or left < 0:
                raise NotSqliteError
            data = self._page(trunk)
            following, count = struct.unpack_from(">II", data)
            if 8 + 4 * count > self._usable:
                raise NotSqliteError
            kept = data[: 8 + 4 * count]
            changed = self._put(trunk, data, kept.ljust(self.page_size, b"\0")) or changed
            for leaf in struct.unpack_from(f">{count}I", data, 8):
                if not 1 < leaf <= self.pages:
                    raise NotSqliteError
                changed = self._put(leaf, self._page(leaf), bytes(self.page_size)) or changed
            trunk, left = following, left - count
        if left:
            raise NotSqliteError
        return changed

    def _put(self, page: int, old: bytes, new: bytes) -> bool:
        if new == old:
            return False
        self._file.seek(self._offset(page))
        self._file.write(new)
        return True

    def _page(self, page: int) -> bytes:
        return self._at(self._offset(page), self.page_size)

    def _at(self, offset: int, size: int) -> bytes:
        self._file.seek(offset)
        data = self._file.read(size)
        if len(data) < size:
            raise NotSqliteError
        return data

    def _offset(self, page: int) -> int:
        return (page - 1) * self.page_size

    @staticmethod
    def _base(page: int) -> int:
        return 100 if page == 1 else 0


def apply_wal(file: BinaryIO, size: int, wal: BinaryIO, wal_size: int) -> int:
    """Write the committed pages of a write-ahead log into its database (section 4).

    Gives the database's size in bytes. Raises NotSqliteError unless the whole log is sound.
    """
    header = wal.read(_WAL_HEADER)
    if len(header) < _WAL_HEADER:
        raise NotSqliteError
    magic, _, page_size, _, salt1, salt2, sum1, sum2 = struct.unpack(">8I", header)
    order = _WAL_MAGIC.get(magic)
    file.seek(16)
    if order is None or struct.unpack(">H", file.read(2))[0] % 65535 != page_size % 65535:
        raise NotSqliteError
    state = _checksum(header[:24], (0, 0), order)
    if state != (sum1, sum2) or (wal_size - _WAL_HEADER) % (_FRAME_HEADER + page_size):
        raise NotSqliteError
    pending: dict[int, int] = {}
    for at in range(_WAL_HEADER, wal_size, _FRAME_HEADER + page_size):
        wal.seek(at)
        frame, data = wal.read(_FRAME_HEADER), wal.read(page_size)
        if len(data) < page_size:
            raise NotSqliteError
        number, commit, *rest = struct.unpack(">6I", frame)
        state = _checksum(data, _checksum(frame[:8], state, order), order)
        if (rest[0], rest[1]) != (salt1, salt2) or tuple(rest[2:]) != state or not number:
            raise NotSqliteError
        pending[number] = at + _FRAME_HEADER
        if commit:
            for page, offset in sorted(pending.items()):
                wal.seek(offset)
                file.seek((page - 1) * page_size)
                file.write(wal.read(page_size))
            size = commit * page_size
            pending.clear()
    file.truncate(size)
    return size


def _checksum(data: bytes, state: tuple[int, int], order: str) -> tuple[int, int]:
    one, two = state
    for first, second in struct.iter_unpack(order + "II", data):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for count in range(9):
        if at + count >= len(data):
            raise NotSqliteError
        byte = data[at + count]
        if count == 8:
            return value << 8 | byte, at + 9
        value = value << 7 | byte & 0x7F
        if not byte & 0x80:
            return value, at + count + 1
    raise NotSqliteError


def _length(kind: int) -> int:
    """Give the size of a column's content by its serial type (section 2.1)."""
    if kind >= 12:
        return (kind - 12) // 2
    if kind in (10, 11):
        raise NotSqliteError
    return (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)[kind]
