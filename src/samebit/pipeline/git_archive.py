"""A git checkout as an archive and back (docs/lock.md, "Git"): the body of its fetch.

Directories, files and symlinks in bytewise order of their paths, mode 0755 or 0644, owner and time
zero: a function of the tree alone.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from samebit.canonical.tar import END_OF_ARCHIVE, encode_header, padding
from samebit.canonical.tar_reader import Header, TarReader
from samebit.errors import InputError
from samebit.image.entry import Entry, Kind

_CHUNK = 1 << 20
_WHAT = "the archive of a git checkout"


def archive(root: Path) -> Iterator[bytes]:
    """Give the archive of a checkout, piece by piece."""
    top = os.fsencode(root)
    for path in _paths(top, b""):
        full = os.path.join(top, path)
        mode = os.lstat(full).st_mode
        if stat.S_ISLNK(mode):
            yield encode_header(Entry(path, Kind.SYMLINK, 0o777, link=os.readlink(full)), 0)
        elif stat.S_ISDIR(mode):
            yield encode_header(Entry(path, Kind.DIRECTORY, 0o755), 0)
        else:
            permissions = 0o755 if mode & stat.S_IXUSR else 0o644
            with open(full, "rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                yield encode_header(Entry(path, Kind.FILE, permissions, size=size), 0)
                yield from iter(lambda: stream.read(_CHUNK), b"")
                yield padding(size)
    yield END_OF_ARCHIVE


def unpack(stream: BinaryIO, root: Path) -> None:
    """Make the new directory `root` from an archive; times are the caller's affair.

    Raises InputError for an archive that `archive` would not have written: nothing is ever written
    outside of `root`, whoever made it.
    """
    top = os.fsencode(root)
    os.mkdir(top, 0o755)
    directories = {b""}
    reader = TarReader(iter(lambda: stream.read(_CHUNK), b""), _WHAT)
    for header in reader:
        path = _checked(header, directories)
        full = os.path.join(top, path)
        if header.kind == Kind.DIRECTORY.value:
            os.mkdir(full, 0o755)
            directories.add(path)
        elif header.kind == Kind.SYMLINK.value:
            os.symlink(header.link, full)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(full, flags, header.mode & 0o755), "wb") as target:
                while piece := reader.read():
                    target.write(piece)
    # A verified stream delivers its end only after all of it was checked.
    while stream.read(_CHUNK):
        pass


def _paths(top: bytes, below: bytes) -> Iterator[bytes]:
    """Give every path below a directory, each directory before what it holds."""
    with os.scandir(os.path.join(top, below)) as entries:
        found = sorted((entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries)
    for name, is_directory in found:
        path = os.path.join(below, name)
        yield path
        if is_directory:
            yield from _paths(top, path)


def _checked(header: Header, directories: set[bytes]) -> bytes:
    path = header.name.removesuffix(b"/")
    parent, _, name = path.rpartition(b"/")
    known = {kind.value for kind in (Kind.FILE, Kind.DIRECTORY, Kind.SYMLINK)}
    # Its parent was made here as a directory, so no symlink can lead elsewhere.
    misplaced = path.startswith(b"/") or parent not in directories or name in {b"", b".", b".."}
    if misplaced or header.kind not in known:
        raise InputError(f"{_WHAT} holds {header.name[:200]!r}, which no checkout has")
    return path
