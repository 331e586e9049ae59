"""Python distributions (PEP 376 and PEP 627, RECORD)."""

from __future__ import annotations

import csv
import os
import posixpath
from collections.abc import Iterator

from samebit.inventory.packages import Package, Records

NAME = "python"
RANK = 20

_RECORD = b".dist-info/RECORD"


def packages(records: Records) -> Iterator[Package]:
    """Give the distributions with the files of their records."""
    for path, content in sorted(records.texts.items()):
        if not path.endswith(_RECORD):
            continue
        folder = posixpath.dirname(posixpath.dirname(path))
        stem = posixpath.basename(path[: -len(_RECORD)])
        name, _, version = stem.decode("utf-8", "backslashreplace").rpartition("-")
        paths = []
        try:
            for row in csv.reader(content.decode("utf-8", "surrogateescape").splitlines()):
                if row:
                    full = posixpath.normpath(posixpath.join(b"/" + folder, os.fsencode(row[0])))
                    paths.append(full.lstrip(b"/"))
        except csv.Error:
            continue
        yield Package(name or stem.decode("utf-8", "backslashreplace"), version, tuple(paths))
