"""Whiteouts: how a layer says that something below it is gone (image-spec layer.md)."""

from __future__ import annotations

from dataclasses import dataclass

from samebit.image.entry import Entry, Kind

PREFIX = b".wh."
OPAQUE = b".wh..wh..opq"
# Leftovers of AUFS that carry no meaning for a tree.
AUFS_PREFIX = b".wh..wh."


@dataclass(frozen=True, slots=True)
class Whiteout(Entry):
    """An explicit whiteout; a type of its own, because a real file may not bear such a name."""


def whiteout(path: bytes) -> Whiteout:
    """Give the entry that removes `path`: empty, mode 0, owner 0, in the same directory."""
    parent, slash, name = path.rpartition(b"/")
    return Whiteout(parent + slash + PREFIX + name, Kind.FILE, 0)


def removed_path(path: bytes) -> bytes | None:
    """Give the path that an explicit whiteout named `path` removes; None for any other name."""
    parent, slash, name = path.rpartition(b"/")
    if not name.startswith(PREFIX) or name.startswith(AUFS_PREFIX):
        return None
    return parent + slash + name[len(PREFIX) :]
