"""The file trees that two images' layers add up to, on disk (image-spec layer.md, "Applying").

A whiteout removes what lower layers have, never what its own layer adds, wherever it stands in the
archive. A directory that no layer describes is made by every unpacker; what it looks like is then
the unpacker's choice, so that nothing but its being there is compared.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from samebit.errors import InputError
from samebit.image.entry import Kind
from samebit.image.entry_spool import decode_facts, encode_facts
from samebit.image.layer_members import CONTENT, MTIME, TYPE, XATTR, Facts, Member
from samebit.image.whiteout import AUFS_PREFIX, OPAQUE, PREFIX

_LAYOUT = """
CREATE TABLE tree (
    side INTEGER, path BLOB, layer INTEGER, ordinal INTEGER, directory INTEGER, facts BLOB,
    inode INTEGER, PRIMARY KEY (side, path)
) WITHOUT ROWID;
CREATE INDEX by_inode ON tree (side, inode, path) WHERE inode IS NOT NULL;
CREATE TABLE inode (
    side INTEGER, number INTEGER, facts BLOB, PRIMARY KEY (side, number)
) WITHOUT ROWID;
CREATE TABLE removed (side INTEGER, path BLOB, PRIMARY KEY (side, path)) WITHOUT ROWID;
"""
# What a container can see of an entry.
_VISIBLE = frozenset({TYPE, "mode", "uid", "gid", "size", "link", "device", MTIME, CONTENT})
_LONGER_THAN_ANY_PATH = 4097
# A short entry can imply thousands of directories with long names.
_MAX_IMPLIED = 64 << 20
_SHARED = ("mode", "uid", "gid", MTIME)
_IMPLIED = encode_facts({TYPE: b"directory"})


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A path of a tree. Its content is that of member `ordinal` of layer `layer`, from 0."""

    path: bytes
    layer: int
    ordinal: int
    facts: Facts


class AppliedTrees:
    """The trees of sides 0 and 1. Layers are applied from the lowest on, each whole."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        database.executescript(_LAYOUT)
        database.execute("BEGIN")
        self._inodes = 0
        self._implied = [0, 0]
        self._parent: list[bytes | None] = [None, None]

    def start_layer(self, side: int) -> None:
        """Say that the members that follow are of another layer."""
        self._database.execute("DELETE FROM removed WHERE side = ?", (side,))
        self._parent[side] = None

    def apply(self, side: int, layer: int, member: Member) -> None:
        """Apply one member of layer number `layer`."""
        parent, slash, name = member.path.rpartition(b"/")
        if name.startswith(PREFIX):
            if name == OPAQUE:
                self._remove_lower(side, layer, parent, itself=False)
            elif not name.startswith(AUFS_PREFIX):
                lower = parent + slash + name[len(PREFIX) :]
                self._remove_lower(side, layer, lower, itself=True)
            return
        self._make_parents(side, layer, parent)
        directory = member.kind == Kind.DIRECTORY.value
        if not directory and self._is_directory(side, member.path):
            self._database.execute(
                "DELETE FROM tree WHERE side = ? AND path >= ? AND path < ?",
                (side, *_below(member.path)),
            )
            self._parent[side] = None
        inode = None
        source = (layer, member.ordinal)
        facts = visible(member.facts)
        if member.kind == Kind.HARDLINK.value:
            found = self._link_target(side, member.link)
            if found is None or member.link == member.path:
                facts[TYPE] = b"hard link to nothing"
            else:
                source, facts, inode = found
                self._share(side, inode, facts, member.facts)
        self._insert(
            side, member.path, source, encode_facts(facts), directory=directory, inode=inode
        )

    def copy(self) -> None:
        """Let side 1 be what side 0 is, for images with the same lower layers."""
        self._database.execute(
            "INSERT INTO tree SELECT 1, path, layer, ordinal, directory, facts, inode"
            " FROM tree WHERE side = 0"
        )
        self._database.execute(
            "INSERT INTO inode SELECT 1, number, facts FROM inode WHERE side = 0"
        )

    def count(self, side: int) -> int:
        """Give the number of paths."""
        row = self._database.execute("SELECT COUNT(*) FROM tree WHERE side = ?", (side,))
        return int(row.fetchone()[0])

    def entries(self, side: int) -> Iterator[TreeEntry]:
        """Give the tree in bytewise order of its paths; hard links name their group's first."""
        rows = self._database.execute(
            "SELECT path, layer, ordinal, facts, inode FROM tree WHERE side = ? ORDER BY path",
            (side,),
        )
        for path, layer, ordinal, data, inode in rows:
            facts = decode_facts(data)
            if inode is not None:
                group = self._database.execute(
                    "SELECT path FROM tree WHERE side = ? AND inode = ? ORDER BY path LIMIT 2",
                    (side, inode),
                ).fetchall()
                facts = self._inode_facts(side, inode)
                if len(group) > 1:
                    facts["hard-links"] = group[0][0]
            yield TreeEntry(path, layer, ordinal, facts)

    def _remove_lower(self, side: int, layer: int, path: bytes, *, itself: bool) -> None:
        # Once a layer and path: repeating it changes nothing and could be made to take forever.
        marker = path if itself else path + b"/"
        done = self._database.execute("INSERT OR IGNORE INTO removed VALUES (?, ?)", (side, marker))
        if done.rowcount == 0:
            return
        self._parent[side] = None
        self._database.execute(
            "DELETE FROM tree WHERE side = ? AND path >= ? AND path < ? AND layer < ?",
            (side, *_below(path), layer),
        )
        if itself:
            self._database.execute(
                "DELETE FROM tree WHERE side = ? AND path = ? AND layer < ?", (side, path, layer)
            )

    def _make_parents(self, side: int, layer: int, parent: bytes) -> None:
        if not parent or parent == self._parent[side]:
            return
        missing = []
        path = parent
        while path:
            row = self._database.execute(
                "SELECT directory, layer FROM tree WHERE side = ? AND path = ?", (side, path)
            ).fetchone()
            if row is None or not row[0]:
                missing.append(path)
            elif row[1] == layer:
                break
            else:
                # A whiteout that follows in this layer must not take it from under its children.
                self._database.execute(
                    "UPDATE tree SET layer = ? WHERE side = ? AND path = ?", (layer, side, path)
                )
            path = path.rpartition(b"/")[0]
        for path in reversed(missing):
            self._implied[side] += len(path)
            if self._implied[side] > _MAX_IMPLIED:
                raise InputError(
                    f"layer {layer + 1}: too many directories without entries of their own"
                )
            self._insert(side, path, (layer, -1), _IMPLIED, directory=True)
        self._parent[side] = parent

    def _is_directory(self, side: int, path: bytes) -> bool:
        row = self._database.execute(
            "SELECT directory FROM tree WHERE side = ? AND path = ?", (side, path)
        ).fetchone()
        return bool(row and row[0])

    def _link_target(self, side: int, path: bytes) -> tuple[tuple[int, int], Facts, int] | None:
        row = self._database.execute(
            "SELECT layer, ordinal, directory, facts, inode FROM tree WHERE side = ? AND path = ?",
            (side, path),
        ).fetchone()
        if row is None or row[2]:
            return None
        layer, ordinal, _, facts, inode = row
        if inode is None:
            self._inodes += 1
            inode = self._inodes
            self._database.execute(
                "UPDATE tree SET inode = ? WHERE side = ? AND path = ?", (inode, side, path)
            )
            self._database.execute("INSERT INTO inode VALUES (?, ?, ?)", (side, inode, facts))
        return (layer, ordinal), self._inode_facts(side, inode), inode

    def _inode_facts(self, side: int, inode: int) -> Facts:
        row = self._database.execute(
            "SELECT facts FROM inode WHERE side = ? AND number = ?", (side, inode)
        ).fetchone()
        return decode_facts(row[0])

    def _share(self, side: int, inode: int, facts: Facts, link: Facts) -> None:
        """Give a group the attributes of one more link to it, as unpackers do but for symlinks."""
        if facts[TYPE] == b"symlink":
            return
        seen = visible(link)
        shared = facts | {
            name: value for name, value in seen.items() if name in _SHARED or name.startswith(XATTR)
        }
        if shared != facts:
            self._database.execute(
                "UPDATE inode SET facts = ? WHERE side = ? AND number = ?",
                (encode_facts(shared), side, inode),
            )

    def _insert(
        self,
        side: int,
        path: bytes,
        source: tuple[int, int],
        facts: bytes,
        *,
        directory: bool,
        inode: int | None = None,
    ) -> None:
        self._database.execute(
            "INSERT OR REPLACE INTO tree VALUES (?, ?, ?, ?, ?, ?, ?)",
            (side, path, *source, directory, facts, inode),
        )


def visible(facts: Facts) -> Facts:
    """Give the attributes that a container sees; mode bits beyond 07777 mean nothing to it."""
    seen = {
        name: value for name, value in facts.items() if name in _VISIBLE or name.startswith(XATTR)
    }
    seen["mode"] = b"%04o" % (int(seen["mode"], 8) & 0o7777)
    return seen


def _below(path: bytes) -> tuple[bytes, bytes]:
    """Give the first path below `path` and the first one after all of them."""
    if not path:
        return b"\0", b"\xff" * _LONGER_THAN_ANY_PATH
    return path + b"/", path + b"0"
