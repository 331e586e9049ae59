"""Releases and source archives of code forges: `OWNER/REPOSITORY/releases/download/TAG/FILE`."""

from __future__ import annotations

import re

from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package
from samebit.lock.versions.semver import compare

_ARCHIVE = re.compile(r"(.+?)\.(tar\.gz|tgz|tar\.bz2|tar\.xz|zip)\Z")
_REFS = re.compile(r"refs/(tags|heads)/")


def _identify(asked: Asked) -> Package | Index | None:
    parts = asked.parts
    if len(parts) >= 6 and parts[2:4] == ("releases", "download"):
        tag = "/".join(parts[4:-1])
        name = "/".join((asked.host, *parts[:2]))
        # The version is in most file names too; without it a file stays the same one.
        plain = asked.file.replace(tag.removeprefix("v"), "VERSION")
        return Package("release", f"{name} {plain}", tag)
    if len(parts) >= 4 and parts[2] == "archive":
        match = _ARCHIVE.match("/".join(parts[3:]))
        if match:
            ref = _REFS.sub("", match[1])
            return Package("release", "/".join((asked.host, *parts[:2])), ref)
    return None


ECOSYSTEM = Ecosystem("release", _identify, compare)
