"""rpm packages (rpm, lib/backend, include/rpm/rpmtag.h)."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.inventory.packages import Package, Records
from samebit.inventory.rpm_database import RpmHeader, ndb_headers, parse_header, sqlite_headers

NAME = "rpm"
RANK = 10

_FOLDERS = (b"var/lib/rpm/", b"usr/lib/sysimage/rpm/", b"usr/share/rpm/")
_NAME, _VERSION, _RELEASE, _EPOCH = 1000, 1001, 1002, 1003
_FOLDER_OF, _NAMES, _FOLDER_NAMES = 1116, 1117, 1118
# Keys that were imported have rows of their own.
_KEY = b"gpg-pubkey"


def packages(records: Records) -> Iterator[Package]:
    """Give installed packages with the files that their headers name."""
    for folder in _FOLDERS:
        database = records.texts.get(folder + b"rpmdb.sqlite")
        if database is not None:
            log = records.texts.get(folder + b"rpmdb.sqlite-wal", b"")
            yield from _packages(sqlite_headers(database, log))
        database = records.texts.get(folder + b"Packages.db")
        if database is not None:
            yield from _packages(ndb_headers(database))


def _packages(blobs: Iterator[bytes]) -> Iterator[Package]:
    for blob in blobs:
        header = parse_header(blob)
        name = header.text(_NAME) if header is not None else b""
        if header is not None and name and name != _KEY:
            yield Package(_shown(name), _version(header), tuple(_paths(header)))


def _version(header: RpmHeader) -> str:
    epoch = "".join(f"{number}:" for number in header.numbers(_EPOCH)[:1])
    parts = (header.text(_VERSION), header.text(_RELEASE))
    return epoch + "-".join(_shown(part) for part in parts if part)


def _paths(header: RpmHeader) -> Iterator[bytes]:
    folders = header.texts(_FOLDER_NAMES)
    for folder, name in zip(header.numbers(_FOLDER_OF), header.texts(_NAMES), strict=False):
        if folder < len(folders):
            yield (folders[folder] + name).lstrip(b"/")


def _shown(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")
