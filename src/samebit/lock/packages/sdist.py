"""Python source distributions (PEP 625): archives in an index's `packages/`."""

from __future__ import annotations

import re

from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package
from samebit.lock.versions.pep440 import compare

_FILE = re.compile(r"(.+)-([0-9][^-]*)\.(tar\.gz|tar\.bz2|zip)(\.asc)?\Z")
# Devpi calls the folder of files by another name.
_FOLDERS = frozenset({"packages", "+f"})


def _identify(asked: Asked) -> Package | Index | None:
    match = _FILE.match(asked.file)
    if match is None or not _FOLDERS & set(asked.parts[:-1]):
        return None
    name = re.sub(r"[-_.]+", "-", match[1]).lower()
    return Package("sdist", name, match[2], auxiliary=bool(match[4]))


ECOSYSTEM = Ecosystem("sdist", _identify, compare)
