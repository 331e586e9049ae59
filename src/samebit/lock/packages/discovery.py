"""Every ecosystem there is a file for, and what a request stands for."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import MappingProxyType

from samebit.lock import packages
from samebit.lock.fetch import LockedFetch
from samebit.lock.packages.ecosystem import Asked, Ecosystem, Index, Package


@cache
def ecosystems() -> MappingProxyType[str, Ecosystem]:
    """Give the ecosystems by name, in the order in which they are asked."""
    found = {}
    for module in sorted(pkgutil.iter_modules(packages.__path__), key=lambda info: info.name):
        value = getattr(
            importlib.import_module(f"{packages.__name__}.{module.name}"), "ECOSYSTEM", None
        )
        if isinstance(value, Ecosystem):
            found[value.name] = value
    return MappingProxyType(found)


def identify(fetch: LockedFetch) -> Package | Index | None:
    """Say what a fetch stands for, None when no ecosystem knows."""
    asked = Asked.of(fetch)
    for ecosystem in ecosystems().values():
        found = ecosystem.identify(asked)
        if found is not None:
            return found
    return None
