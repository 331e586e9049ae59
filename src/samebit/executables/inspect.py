"""Recognising a file by how it begins and reading what its format says."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass, field
from functools import cache
from typing import Protocol, cast

from samebit.executables import formats
from samebit.executables.source import FormatError, Source
from samebit.executables.traces import MALFORMED, Traces, text
from samebit.model.executable import Executable, RuleSet

HEAD = 64


@dataclass(frozen=True, slots=True)
class Context:
    """What readers know besides the bytes.

    `path` is relative to the tree's root. `rules` come from the toolchain profiles. `epoch` is the
    time in seconds that a reproducible build writes wherever one is needed, None when unknown.
    `depth` counts the archives around this file.
    """

    path: bytes
    rules: RuleSet = field(default_factory=RuleSet)
    epoch: int | None = None
    depth: int = 0


class Format(Protocol):
    """A module of samebit.executables.formats.

    `MAGICS` are at least two bytes long each. `recognise` gets the first 64 bytes (fewer of a
    shorter file), which begin with one of them. `inspect` raises FormatError for what it cannot
    read at all.
    """

    NAME: str
    MAGICS: tuple[bytes, ...]

    @staticmethod
    def recognise(head: bytes, path: bytes) -> bool:
        """Say whether a file that begins with one of MAGICS is of this format."""
        ...

    @staticmethod
    def inspect(source: Source, context: Context) -> Executable:
        """Read a file of this format. Raises FormatError."""
        ...


@cache
def _by_magic() -> dict[bytes, list[tuple[bytes, Format]]]:
    found: dict[bytes, list[tuple[bytes, Format]]] = {}
    for module in sorted(pkgutil.iter_modules(formats.__path__), key=lambda info: info.name):
        loaded = importlib.import_module(f"{formats.__name__}.{module.name}")
        known = cast("Format", loaded)
        for magic in known.MAGICS:
            found.setdefault(magic[:2], []).append((magic, known))
    return found


def recognise(head: bytes, path: bytes) -> Format | None:
    """Name the format of a file by its first bytes, None when it is nothing that runs."""
    for magic, known in _by_magic().get(head[:2], ()):
        if head.startswith(magic) and known.recognise(head, path):
            return known
    return None


def inspect(source: Source, context: Context, known: Format) -> Executable:
    """Read a recognised file. What is damaged is a trace of the finding `malformed`, no error."""
    try:
        return known.inspect(source, context)
    except FormatError as error:
        traces = Traces(None)
        traces.add(MALFORMED, text(str(error)), "")
        return Executable(known.NAME, "damaged", traces=traces.all())
