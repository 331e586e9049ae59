"""Alpine packages: `ARCH/NAME-VERSION-rN.apk`; the index is APKINDEX.tar.gz."""

from __future__ import annotations

import re

from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package
from samebit.lock.versions.unknown import compare

_FILE = re.compile(r"(.+)-([0-9][^-]*-r[0-9]+)\.apk\Z")


def _identify(asked: Asked) -> Package | Index | None:
    match = _FILE.match(asked.file)
    if match and len(asked.parts) > 1:
        return Package("apk", f"{match[1]}:{asked.parts[-2]}", match[2])
    return Index("apk") if asked.file == "APKINDEX.tar.gz" else None


ECOSYSTEM = Ecosystem("apk", _identify, compare)
