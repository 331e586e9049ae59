"""Python wheels (PEP 427) and the simple index (PEP 503, 691)."""

from __future__ import annotations

import re

from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package
from samebit.lock.versions.pep440 import compare

_FILE = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._]*)-([^-]+)(-[0-9][^-]*)?-[^-]+-[^-]+-[^-]+\.whl(\.metadata|\.asc)?\Z"
)


def _identify(asked: Asked) -> Package | Index | None:
    match = _FILE.match(asked.file)
    if match:
        name = re.sub(r"[-_.]+", "-", match[1]).lower()
        return Package("wheel", name, match[2], auxiliary=bool(match[4]))
    if "simple" in asked.parts[:-1] or "vnd.pypi.simple" in asked.key.accept:
        return Index("wheel")
    # The JSON interface: /pypi/NAME/json, /pypi/NAME/VERSION/json.
    return Index("wheel") if asked.parts[:1] == ("pypi",) and asked.file == "json" else None


ECOSYSTEM = Ecosystem("wheel", _identify, compare)
