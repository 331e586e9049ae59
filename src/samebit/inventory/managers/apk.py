"""Alpine packages (apk-tools, the database `installed`)."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.inventory.packages import Package, Records

NAME = "apk"
RANK = 10

_DATABASES = (b"lib/apk/db/installed", b"usr/lib/apk/db/installed")


def packages(records: Records) -> Iterator[Package]:
    """Give installed packages: P name, V version, F folder, R file in it."""
    for database in _DATABASES:
        for stanza in records.texts.get(database, b"").split(b"\n\n"):
            name = version = folder = b""
            paths = []
            for line in stanza.split(b"\n"):
                kind, value = line[:2], line[2:]
                if kind == b"P:":
                    name = value
                elif kind == b"V:":
                    version = value
                elif kind == b"F:":
                    folder = value + b"/" if value else b""
                elif kind == b"R:":
                    paths.append(folder + value)
            if name:
                yield Package(
                    name.decode("utf-8", "backslashreplace"),
                    version.decode("utf-8", "backslashreplace"),
                    tuple(paths),
                )
