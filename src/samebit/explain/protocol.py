"""What a cause is looked for in, and what a detector is.

A module below `samebit.explain.causes` exports one or more `Detector` values; that is all: they are
discovered. A detector is a pure function of the pair, never raises for any bytes, and claims the
places that it explains; what no detector claims stays unexplained.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeAlias

from samebit.executables.elf_file import ElfFile
from samebit.explain.archives import Archive, read_archive
from samebit.explain.content import Content
from samebit.explain.elf_files import read_elf_file
from samebit.explain.hunks import Hunk, Hunks, find_hunks
from samebit.model.escaped import escaped
from samebit.model.explanation import Cause, Confidence, Evidence

# Around a differing place: enough for the longest form of a time, a UUID or a path's beginning.
_AROUND = 96
_SHOWN = 80
_MOST_EVIDENCE = 5
_SECRET = re.compile(rb"(?i)secret|passw|pwd\b|token|credential|api[_-]?key|private[_-]?key|auth")


@dataclass(frozen=True, slots=True)
class BuildFacts:
    """What is known about one of the builds; everything may be unknown.

    `started` and `ended` are seconds since 1970 by the clock that RUN saw. `paths` are directories
    that only this build used (context, storage), `names` its host's names, `users` its users'.
    """

    started: int | None = None
    ended: int | None = None
    names: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    kernel: str = ""
    paths: tuple[str, ...] = ()
    processors: int | None = None
    locale: str = ""
    time_zone: str = ""
    umask: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """A differing place with what surrounds it: `data` starts at `offset` of its content.

    `start` and `end` are the place within `data`.
    """

    offset: int
    data: bytes
    start: int
    end: int

    @property
    def differing(self) -> bytes:
        """The differing bytes alone (the first ones, if they are many)."""
        return self.data[self.start : self.end]


@dataclass(frozen=True)
class Pair:
    """The two contents of one path. `path` is relative to the root, as in Entry.

    `instruction` is the text of the Dockerfile's instruction that wrote it, empty when not known.
    """

    path: bytes
    a: Content
    b: Content
    facts_a: BuildFacts = field(default_factory=BuildFacts)
    facts_b: BuildFacts = field(default_factory=BuildFacts)
    instruction: str = ""

    @cached_property
    def hunks(self) -> Hunks:
        """Where they differ. Raises OSError."""
        return find_hunks(self.a, self.b)

    @cached_property
    def archives(self) -> tuple[Archive, Archive] | None:
        """Both contents as archives of one kind; None for anything else."""
        a = read_archive(self.a)
        b = read_archive(self.b) if a is not None else None
        return (a, b) if a is not None and b is not None and a.kind == b.kind else None

    @cached_property
    def elves(self) -> tuple[ElfFile, ElfFile] | None:
        """Both contents as ELF files with sections; None for anything else."""
        a = read_elf_file(self.a)
        b = read_elf_file(self.b) if a is not None else None
        return (a, b) if a is not None and b is not None else None

    def windows(self, hunk: Hunk) -> tuple[Window, Window]:
        """Give a place of both sides with its surroundings."""
        return (
            _window(self.a, hunk.start_a, hunk.end_a),
            _window(self.b, hunk.start_b, hunk.end_b),
        )

    def heads(self, length: int) -> tuple[bytes, bytes]:
        """Give the first bytes of both."""
        return self.a.read(0, length), self.b.read(0, length)

    def __iter__(self) -> Iterator[tuple[int, Window, Window]]:
        """Give the number and both windows of every place."""
        for number, hunk in enumerate(self.hunks.places):
            yield number, *self.windows(hunk)


def _window(content: Content, start: int, end: int) -> Window:
    offset = max(0, start - _AROUND)
    # A huge place is judged by its beginning.
    data = content.read(offset, min(end, start + 4096) + _AROUND - offset)
    return Window(offset, data, start - offset, min(end - offset, len(data)))


@dataclass(frozen=True, slots=True)
class Found:
    """A cause with the numbers of the hunks that it explains; None claims all of them.

    In ELF files it claims the sections of those names.
    """

    cause: Cause
    hunks: frozenset[int] | None = None
    sections: frozenset[bytes] = frozenset()


Detect: TypeAlias = Callable[[Pair], Iterator[Found]]


class Kind(enum.Enum):
    """What a detector is asked about: bytes, or archives or ELF files as such."""

    BYTES = enum.auto()
    ARCHIVE = enum.auto()
    ELF = enum.auto()


@dataclass(frozen=True, slots=True)
class Detector:
    """One cause. `rank`: lower ones are asked first, and what they claim is not asked again."""

    name: str
    detect: Detect
    rank: int = 50
    of: Kind = Kind.BYTES


class Collected:
    """Gathers evidence of one cause over the places of a pair."""

    def __init__(self) -> None:
        self._evidence: list[Evidence] = []
        self._hunks: set[int] = set()
        self._surest = Confidence.CERTAIN

    def add(self, number: int, evidence: Evidence, confidence: Confidence) -> None:
        """Take a place that the cause explains."""
        self._hunks.add(number)
        # A value can differ in two places, which show the same.
        if len(self._evidence) < _MOST_EVIDENCE and evidence not in self._evidence:
            self._evidence.append(evidence)
        order = list(Confidence)
        # One certain place makes the cause certain; the others only have its shape.
        self._surest = (
            confidence if len(self._hunks) == 1 else min(self._surest, confidence, key=order.index)
        )

    def found(self, cause: Cause) -> Iterator[Found]:
        """Give the cause with what was gathered; nothing when that is nothing."""
        if self._hunks:
            yield Found(
                replace(
                    cause,
                    confidence=self._surest,
                    evidence=tuple(self._evidence),
                    places=len(self._hunks),
                ),
                frozenset(self._hunks),
            )


def is_secret(line: bytes) -> bool:
    """Tell whether a text line names what it holds a secret."""
    return _SECRET.search(line) is not None


def hidden(data: bytes) -> str:
    """Give what may be said of a secret in a report."""
    return f"{len(data)} characters, not shown"


def shown(data: bytes) -> str:
    """Give bytes as short text that is safe to show."""
    return escaped(data[:_SHOWN]) + ("…" if len(data) > _SHOWN else "")
