"""What an ecosystem's file says about a fetched URL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self
from urllib.parse import unquote, urlsplit

from samebit.lock.fetch import FetchKey, LockedFetch

Compare = Callable[[str, str], int | None]
"""Gives less than 0, 0 or more than 0 as the first version is older, equal or newer; None where
their order is unknown."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A fetch whose URL is taken apart: `parts` are the path's segments, percent-decoded."""

    fetch: LockedFetch
    host: str
    parts: tuple[str, ...]
    query: str

    @classmethod
    def of(cls, fetch: LockedFetch) -> Self:
        """Take the URL of a fetch apart."""
        split = urlsplit(fetch.key.url)
        parts = tuple(unquote(part) for part in split.path.split("/")[1:])
        return cls(fetch, split.netloc, parts, split.query)

    @property
    def key(self) -> FetchKey:
        """What was asked for."""
        return self.fetch.key

    @property
    def file(self) -> str:
        """The last segment of the path, empty for a folder."""
        return self.parts[-1] if self.parts else ""


@dataclass(frozen=True, slots=True)
class Package:
    """A package that a URL gives. `auxiliary` is a file about it, not the package itself."""

    ecosystem: str
    name: str
    version: str
    auxiliary: bool = False


@dataclass(frozen=True, slots=True)
class Index:
    """A list of what there is: it changes whenever something new appears."""

    ecosystem: str


Identify = Callable[[Asked], Package | Index | None]


@dataclass(frozen=True, slots=True)
class Ecosystem:
    """How one kind of package is recognised by its URL, and how its versions are ordered."""

    name: str
    identify: Identify
    compare: Compare
