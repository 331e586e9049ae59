"""Ruby gems: `gems/NAME-VERSION[-PLATFORM].gem`, and the indexes of a gem server."""

from __future__ import annotations

import re

from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package
from samebit.lock.versions.gem import compare

_VERSION = r"([0-9]+(?:\.[0-9A-Za-z]+)*)"
_FILE = re.compile(rf"(.+?)-{_VERSION}(?:-([^/]+))?\.(gem|gemspec\.rz)\Z")
_INDEXES = re.compile(r"((latest_|prerelease_)?specs\.4\.8(\.gz)?|versions|names)\Z")


def _identify(asked: Asked) -> Package | Index | None:
    match = _FILE.match(asked.file)
    if match:
        name = f"{match[1]} ({match[3]})" if match[3] else match[1]
        return Package("gem", name, match[2], auxiliary=match[4] != "gem")
    if _INDEXES.match(asked.file) and len(asked.parts) == 1:
        return Index("gem")
    # Git asks for info/refs.
    if (asked.parts[-2:-1] == ("info",) and asked.file != "refs") or asked.file == "dependencies":
        return Index("gem")
    return None


ECOSYSTEM = Ecosystem("gem", _identify, compare)
