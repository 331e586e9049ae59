"""Debian packages: `pool/…/NAME_VERSION_ARCH.deb`; indexes below `dists/`."""

from __future__ import annotations

import re

from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package
from samebit.lock.versions.deb import compare

_FILE = re.compile(r"([a-z0-9][a-z0-9.+-]*)_([^_/]+)_([a-z0-9-]+)\.u?deb\Z")
# A flat repository keeps them beside its packages.
_INDEX = re.compile(
    r"(InRelease|Release|Release\.gpg|(Packages|Sources)(\.(gz|xz|bz2|lzma|zst))?)\Z"
)


def _identify(asked: Asked) -> Package | Index | None:
    match = _FILE.match(asked.file)
    if match:
        return Package("deb", f"{match[1]}:{match[3]}", match[2])
    if "dists" in asked.parts[:-1] or _INDEX.match(asked.file):
        return Index("deb")
    return None


ECOSYSTEM = Ecosystem("deb", _identify, compare)
