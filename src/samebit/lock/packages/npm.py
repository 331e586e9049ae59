"""npm packages: `[@SCOPE/]NAME/-/NAME-VERSION.tgz`; a package's document is its index."""

from __future__ import annotations

from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package
from samebit.lock.versions.semver import compare


def _identify(asked: Asked) -> Package | Index | None:
    # A scope's slash is sent plain or encoded; both are one segment less or more.
    parts = "/".join(asked.parts).split("/")
    if "-" in parts[1:] and parts[-1].endswith(".tgz"):
        cut = len(parts) - 1 - parts[::-1].index("-")
        name = parts[cut - 1]
        stem = parts[-1].removesuffix(".tgz")
        if stem.startswith(f"{name}-"):
            scope = parts[cut - 2] if cut > 1 and parts[cut - 2].startswith("@") else ""
            full = f"{scope}/{name}" if scope else name
            return Package("npm", full, stem.removeprefix(f"{name}-"))
    if "vnd.npm.install" in asked.key.accept or parts[:2] == ["-", "npm"]:
        return Index("npm")
    return None


ECOSYSTEM = Ecosystem("npm", _identify, compare)
