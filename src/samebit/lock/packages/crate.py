"""Rust crates, and the sparse index (cargo reference, "Registry Index")."""

from __future__ import annotations

import re

from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package
from samebit.lock.versions.semver import compare

_FILE = re.compile(r"([A-Za-z0-9_-]+?)-([0-9]+\.[^/]*)\.crate\Z")
_NAME = re.compile(r"[a-z0-9_-]+\Z")


def _identify(asked: Asked) -> Package | Index | None:
    parts = asked.parts
    match = _FILE.match(asked.file)
    if match:
        return Package("crate", match[1], match[2])
    if "crates" in parts[:-3] and parts[-1] == "download":
        return Package("crate", parts[-3], parts[-2])
    if parts[-2:] and (_is_entry(parts) or (asked.file == "config.json" and "index" in asked.host)):
        return Index("crate")
    return None


def _is_entry(parts: tuple[str, ...]) -> bool:
    """Tell whether a path is a crate's in the sparse index: 1/a, 2/ab, 3/a/abc, ab/cd/abcd…."""
    name = parts[-1]
    if not _NAME.match(name):
        return False
    if len(name) < 3:
        return parts[-2:-1] == (str(len(name)),)
    if len(name) == 3:
        return parts[-3:-1] == ("3", name[0])
    return parts[-3:-1] == (name[:2], name[2:4])


ECOSYSTEM = Ecosystem("crate", _identify, compare)
