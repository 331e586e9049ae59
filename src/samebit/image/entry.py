"""One entry of a file tree, as the canonical form sees it."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Kind(enum.Enum):
    """Entry types; the value is the ustar typeflag (POSIX.1-2017 pax, "ustar Interchange")."""

    FILE = b"0"
    HARDLINK = b"1"
    SYMLINK = b"2"
    CHARACTER = b"3"
    BLOCK = b"4"
    DIRECTORY = b"5"
    FIFO = b"6"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry's path and the attributes that the canonical form keeps.

    `path` has no leading or trailing slash and is empty for the root directory; it is bytes because
    names need not be UTF-8. `mode` holds the bits 07777 only. `size` is in bytes and 0 for all but
    files. `link` is a symlink's target, or a hard link's first path. `device` is (major, minor).
    `xattrs` is sorted by name and holds only what is kept (security.capability, user.*).
    """

    path: bytes
    kind: Kind
    mode: int
    uid: int = 0
    gid: int = 0
    size: int = 0
    link: bytes = b""
    device: tuple[int, int] = (0, 0)
    xattrs: tuple[tuple[bytes, bytes], ...] = ()
