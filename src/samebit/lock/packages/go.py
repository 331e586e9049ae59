"""Go modules as the module proxy protocol serves them (go.dev/ref/mod, "GOPROXY protocol")."""

from __future__ import annotations

import re

from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package
from samebit.lock.versions.semver import compare

_FILE = re.compile(r"(v[^/]+)\.(zip|mod|info)\Z")
_CAPITAL = re.compile("!([a-z])")


def _identify(asked: Asked) -> Package | Index | None:
    parts = asked.parts
    if "@v" in parts[:-1]:
        match = _FILE.match(asked.file)
        if match is None:
            return Index("go")
        module = "/".join(parts[: parts.index("@v")])
        # A capital is written as an exclamation mark and the small letter.
        name, version = (
            _CAPITAL.sub(lambda found: found[1].upper(), text) for text in (module, match[1])
        )
        return Package("go", name, version, auxiliary=match[2] != "zip")
    if asked.file == "@latest" or "sumdb" in parts[:1]:
        return Index("go")
    if "go-get=1" in asked.query.split("&"):
        return Index("go")
    # The checksum database itself.
    return Index("go") if parts[:1] in {("lookup",), ("tile",)} and "sum." in asked.host else None


ECOSYSTEM = Ecosystem("go", _identify, compare)
