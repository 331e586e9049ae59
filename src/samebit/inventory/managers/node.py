"""Packages of Node.js: folders below node_modules (nodejs.org, "Modules: Packages")."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.inventory.packages import Package, Records

NAME = "node"
RANK = 30

_FOLDER = b"node_modules"


def packages(records: Records) -> Iterator[Package]:
    """Give the packages by name; several copies of one are one package."""
    found: dict[bytes, list[bytes]] = {}
    for path in records.paths:
        if _FOLDER not in path or _FOLDER not in (parts := path.split(b"/")):
            continue
        # The innermost one owns it.
        at = len(parts) - 1 - parts[::-1].index(_FOLDER) + 1
        length = 2 if len(parts) > at and parts[at].startswith(b"@") else 1
        if len(parts) > at + length:
            found.setdefault(b"/".join(parts[at : at + length]), []).append(path)
    for name, paths in sorted(found.items()):
        yield Package(name.decode("utf-8", "backslashreplace"), "", tuple(paths))
