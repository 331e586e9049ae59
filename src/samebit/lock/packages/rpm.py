"""RPM packages: `NAME-VERSION-RELEASE.ARCH.rpm`; indexes below `repodata/`."""

from __future__ import annotations

import re

from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package
from samebit.lock.versions.rpm import compare

_FILE = re.compile(r"(.+)-([^-]+-[^-]+)\.([a-z0-9_]+)\.rpm\Z")


def _identify(asked: Asked) -> Package | Index | None:
    match = _FILE.match(asked.file)
    if match:
        return Package("rpm", f"{match[1]}.{match[3]}", match[2])
    if "repodata" in asked.parts[:-1] or asked.file in {"metalink", "mirrorlist"}:
        return Index("rpm")
    return None


ECOSYSTEM = Ecosystem("rpm", _identify, compare)
