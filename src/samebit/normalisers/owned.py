"""Files whose checksum a package manager keeps: its verification must find them as it put them.

They come from packages, which the lock pins, so that there is no noise in them.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from samebit.image.entry import Entry, Kind

_DPKG = re.compile(rb"var/lib/dpkg/(?:info/[^/]+\.md5sums|status\.d/[^/]+\.md5sums)")
_WHEEL = re.compile(rb"(.*/)?[^/]+\.dist-info/RECORD", re.DOTALL)
_APK = re.compile(rb"(?:usr/)?lib/apk/db/installed")
_RPM = re.compile(rb"(?:usr/lib/sysimage|var/lib)/rpm/(?:rpmdb\.sqlite|Packages(?:\.db)?)")
# Where merged /usr puts what packages still call by its old name.
_MERGED = re.compile(rb"(?:bin|sbin|lib|lib32|lib64|libx32)/")
_MD5_LINE = re.compile(rb"[0-9a-f]{32}  (.+)")
# rpm keeps its list in a database; what it installs is here.
_RPM_PLACES = re.compile(rb"(?:usr/(?!local/)|etc/|opt/).*", re.DOTALL)


class OwnedPaths:
    """Which paths of a layer a package manager has checksums for."""

    def __init__(self, paths: frozenset[bytes], *, by_rpm: bool = False) -> None:
        self._paths = paths
        self._by_rpm = by_rpm

    def __contains__(self, path: bytes) -> bool:
        return path in self._paths or (self._by_rpm and bool(_RPM_PLACES.fullmatch(path)))


def find_owned(entries: Iterable[Entry], open_file: Callable[[Entry], BinaryIO]) -> OwnedPaths:
    """Read the package managers' lists among a layer's entries. Raises OSError."""
    found: set[bytes] = set()
    by_rpm = False
    for entry in entries:
        if entry.kind is not Kind.FILE:
            continue
        read = _reader_of(entry.path)
        if read is not None:
            with open_file(entry) as file:
                found.update(read(file))
        elif entry.path.endswith((b"rpmdb.sqlite", b"Packages", b"Packages.db")):
            by_rpm = by_rpm or _RPM.fullmatch(entry.path) is not None
    return OwnedPaths(frozenset(found), by_rpm=by_rpm)


def _reader_of(path: bytes) -> Callable[[BinaryIO], Iterator[bytes]] | None:
    if path.endswith(b".md5sums") and _DPKG.fullmatch(path):
        return _dpkg
    if path.endswith(b"/RECORD") and (match := _WHEEL.fullmatch(path)):
        folder = match[1] or b""
        return lambda file: _wheel(file, folder)
    if path.endswith(b"/installed") and _APK.fullmatch(path):
        return _apk
    return None


def _dpkg(file: BinaryIO) -> Iterator[bytes]:
    for line in file:
        match = _MD5_LINE.match(line.rstrip(b"\n"))
        if match is not None:
            yield match[1]
            if _MERGED.match(match[1]):
                yield b"usr/" + match[1]


def _wheel(file: BinaryIO, folder: bytes) -> Iterator[bytes]:
    text = io.TextIOWrapper(file, "utf-8", "surrogateescape", newline="")
    try:
        for row in csv.reader(text):
            if len(row) > 1 and row[1] and (path := _below(folder, row[0])) is not None:
                yield path
    except csv.Error:
        return
    finally:
        text.detach()


def _below(folder: bytes, name: str) -> bytes | None:
    parts = folder.rstrip(b"/").split(b"/") if folder else []
    for part in name.encode("utf-8", "surrogateescape").split(b"/"):
        if part == b"..":
            if not parts:
                return None
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(parts)


def _apk(file: BinaryIO) -> Iterator[bytes]:
    folder = name = b""
    for line in file:
        key, value = line[:2], line[2:].rstrip(b"\n")
        if key == b"F:":
            folder = value + b"/" if value else b""
        elif key == b"R:":
            name = folder + value
        elif key == b"Z:" and name:
            yield name
            name = b""
