"""Finding the packages that a tree's own records tell of."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol, cast

from samebit.inventory import managers

# The files whose text says which packages there are; which files are theirs, others say.
_RECORDS = re.compile(
    rb"var/lib/dpkg/(?:status|status\.d/[^/]+)|(?:usr/)?lib/apk/db/installed"
    rb"|(?:.*/)?[^/]+\.dist-info/RECORD"
    rb"|(?:var/lib|usr/lib/sysimage|usr/share)/rpm/(?:rpmdb\.sqlite(?:-wal)?|Packages\.db)"
)


def is_record(path: bytes) -> bool:
    """Tell whether a file is needed to name the packages of a tree."""
    return _RECORDS.fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Records:
    """A tree's paths in bytewise order, and the contents of its package managers' files."""

    paths: Sequence[bytes]
    texts: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Package:
    """A package and the paths that its record names, relative to the root."""

    name: str
    version: str
    paths: tuple[bytes, ...]


class Manager(Protocol):
    """A module of samebit.inventory.managers; what it cannot read it passes over."""

    NAME: str
    RANK: int

    @staticmethod
    def packages(records: Records) -> Iterator[Package]:
        """Give the packages of a tree."""
        ...


def find_packages(records: Records) -> Iterator[tuple[str, Package]]:
    """Give every package with its manager's name."""
    for manager in _managers():
        for package in manager.packages(records):
            yield manager.NAME, package


@cache
def _managers() -> tuple[Manager, ...]:
    found = [
        cast("Manager", importlib.import_module(f"{managers.__name__}.{module.name}"))
        for module in pkgutil.iter_modules(managers.__path__)
    ]
    return tuple(sorted(found, key=lambda manager: (manager.RANK, manager.NAME)))
