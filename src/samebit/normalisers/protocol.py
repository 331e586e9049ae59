"""What a normaliser is.

A module below `samebit.normalisers` exports one or more `Normaliser` or `Detector` values; that is
all: they are discovered. A normaliser that shipped in a numbered set never changes what it does;
another behaviour is another value with a later `since`, and the old one gets an `until`.
"""

from __future__ import annotations

import enum
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias

from samebit.errors import InternalError
from samebit.image.entry import Entry

HEAD = 512
"""How many of a file's first bytes `magic` and `accepts` see; a shorter file's head is shorter."""

_NAME = re.compile(r"[a-z0-9-]+/[a-z0-9-]+")


class Action(enum.Enum):
    """What happens to an entry that the build added or changed.

    REVERT and REMOVE let it vanish from the layer: what the base has at that path is back, or
    nothing is there. REVERT is for a path that a base image usually has, REMOVE for debris. REWRITE
    gives a file other content; its attributes stay.
    """

    REVERT = "revert"
    REMOVE = "remove"
    REWRITE = "rewrite"


class Scope(enum.Enum):
    """WRITE_SAFE is applied to images that ship; COMPARE_ONLY only when images are compared."""

    WRITE_SAFE = "write-safe"
    COMPARE_ONLY = "compare-only"


class Trees(Protocol):
    """Read access to the image around an entry, for the few formats whose content depends on it.

    Paths are as in `Entry.path`. Every file that is opened must be closed by the caller.
    """

    def entry(self, path: bytes) -> Entry | None:
        """Give the final image's entry at `path`, None when there is none."""

    def in_layer(self, path: bytes) -> bool:
        """Tell whether `path` is written to the layer, so that its mtime will be the epoch.

        What is not has the base's own mtime, which is also what the build's programs saw.
        """

    def mtime(self, path: bytes) -> int | None:
        """Give the time of a regular file of the final tree as the build left it.

        In whole seconds, rounded down; None when there is none or it is not known.
        """

    def open(self, path: bytes) -> BinaryIO | None:
        """Open a regular file of the final tree as the build left it, None when there is none."""

    def base_entry(self, path: bytes) -> Entry | None:
        """Give the base's entry at `path`, None when there is none."""

    def open_base(self, path: bytes) -> BinaryIO | None:
        """Open a regular file of the base, None when there is none or it cannot be read."""


class NoTrees:
    """The surroundings of a file of which nothing but itself is known."""

    def entry(self, _path: bytes) -> Entry | None:
        """Know nothing."""
        return None

    def in_layer(self, _path: bytes) -> bool:
        """Know nothing."""
        return False

    def mtime(self, _path: bytes) -> int | None:
        """Know nothing."""
        return None

    def open(self, _path: bytes) -> BinaryIO | None:
        """Know nothing."""
        return None

    def base_entry(self, _path: bytes) -> Entry | None:
        """Know nothing."""
        return None

    def open_base(self, _path: bytes) -> BinaryIO | None:
        """Know nothing."""
        return None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a rewriter may know: nothing else may have an influence on what it writes.

    `epoch` is in seconds since 1970 and the mtime of every entry of the layer. `entry` is the file
    that is rewritten. `scratch` is a directory for temporary files, which the rewriter removes.
    """

    epoch: int
    entry: Entry
    trees: Trees = field(default_factory=NoTrees)
    scratch: Path = field(default_factory=lambda: Path(tempfile.gettempdir()))
    remarks: list[str] = field(default_factory=list)

    def leave(self, why: str) -> bool:
        """Say why a file that should be rewritten is left alone (signed, encrypted); gives False.

        It is reported to the user, so it is not for files that merely are of another format.
        """
        self.remarks.append(why)
        return False


Sink: TypeAlias = Callable[[bytes], object]
"""Takes the new content piece by piece."""

Rewriter: TypeAlias = Callable[[BinaryIO, int, Sink, Facts], bool]
"""`rewrite(source, size, sink, facts)`: write the whole new content of a file to `sink`.

`source` is seekable, at 0 and holds `size` bytes. False says that the content is right as it is or
not understood: then whatever went to `sink` is thrown away and the file ships as it is. It must be
a pure function of its arguments, idempotent, bounded in memory whatever `size` says, and must not
raise for any bytes; only OSError of the source passes.
"""


@dataclass(frozen=True, slots=True)
class Normaliser:
    """One kind of noise: how it is recognised, what is done, and why that breaks nothing.

    `name` is stable, `group/noise`. An entry is matched when its path fits one of `paths` (see
    `samebit.normalisers.patterns`; empty: every path) and, where they are given, all of `only`,
    one of `magic` (offset and bytes, within the first HEAD bytes) is there and
    `accepts(entry, head)` says so. Where a rewriter, `magic` or `accepts` is given, only regular
    files are matched; else every kind of entry is (directories go when nothing is left in them).
    Exactly one normaliser handles a file: removing ones go first, then the lowest `rank`, then the
    first name; what a rewriter leaves alone is not offered to the next.

    `private` says that the path which the first group of `only` names must be closed to everybody
    but its owner, as mktemp makes it and hardly anything else in a folder for everybody is.

    `made_here` says that programs make the file on the spot: no package brings it, so it is
    rewritten even in a folder whose files a package manager verifies. `asked` says that the user
    asked for it, so that inputs of the build and packages' files are rewritten as well.

    `why` says in one or two sentences why the result is as good for every program, `reference`
    names the source of that knowledge. `since` is the first set with it, `until` the first without.
    """

    name: str
    action: Action
    why: str
    reference: str
    paths: tuple[bytes, ...] = ()
    magic: tuple[tuple[int, bytes], ...] = ()
    only: re.Pattern[bytes] | None = None
    accepts: Callable[[Entry, bytes], bool] | None = None
    rewrite: Rewriter | None = None
    rank: int = 50
    private: bool = False
    made_here: bool = False
    asked: bool = False
    scope: Scope = Scope.WRITE_SAFE
    since: int = 1
    until: int | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InternalError(f"a normaliser is called {self.name!r}")
        if (self.rewrite is not None) is not (self.action is Action.REWRITE):
            raise InternalError(f"{self.name}: only an action that rewrites has a rewriter")
        if not self.paths and not self.magic:
            raise InternalError(f"{self.name}: it would match every file")
        if self.private and (self.only is None or not self.only.groups):
            raise InternalError(f"{self.name}: nothing says which path must be private")
        if any(at + len(mark) > HEAD for at, mark in self.magic):
            raise InternalError(f"{self.name}: its magic lies beyond the first {HEAD} bytes")

    def reads(self) -> bool:
        """Tell whether recognising a file takes its first bytes."""
        return bool(self.magic) or self.accepts is not None

    def recognises(self, entry: Entry, head: bytes) -> bool:
        """Tell whether an entry whose path fits is matched; `head` is empty unless `reads()`."""
        if self.only is not None and not self.only.fullmatch(entry.path):
            return False
        if self.magic and not any(head[at : at + len(mark)] == mark for at, mark in self.magic):
            return False
        return self.accepts is None or self.accepts(entry, head)


Inspector: TypeAlias = Callable[[BinaryIO, int, Facts], str | None]
"""`inspect(source, size, facts)`: say what is secret or random in a file, None for nothing.

The same rules hold as for a rewriter. The text never holds any of the secret.
"""


@dataclass(frozen=True, slots=True)
class Detector:
    """A secret, or randomness that nothing can repair: reported, never changed.

    Matching is as for `Normaliser`, but symlinks are matched too (with an empty head and source).
    Every detector that matches is asked. `fix` says what to do in the Dockerfile.
    """

    name: str
    inspect: Inspector
    fix: str
    reference: str
    paths: tuple[bytes, ...] = ()
    magic: tuple[tuple[int, bytes], ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InternalError(f"a detector is called {self.name!r}")
        if not self.paths and not self.magic:
            raise InternalError(f"{self.name}: it would match every file")

    def recognises(self, head: bytes) -> bool:
        """Tell whether a file whose path fits is matched; `head` is empty without `magic`."""
        return not self.magic or any(head[at : at + len(mark)] == mark for at, mark in self.magic)
