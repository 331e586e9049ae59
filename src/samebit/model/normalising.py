"""What a project chose of the normalisers, and what they did: frozen values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, TypeAlias

RuleAction: TypeAlias = Literal["remove", "revert"]


@dataclass(frozen=True, slots=True, order=True)
class PathRule:
    """A rule of the project's own: `path` is a pattern without a leading slash."""

    path: str
    action: RuleAction
    reason: str


@dataclass(frozen=True, slots=True)
class NormaliserChoices:
    """What samebit.toml says of the normalisers, kept sorted and unique.

    `off` are names or patterns of names that are not applied, `keep` patterns of paths that ship as
    the build left them, `rules` what is done besides.
    """

    off: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    rules: tuple[PathRule, ...] = ()

    def __post_init__(self) -> None:
        for name in ("off", "keep", "rules"):
            object.__setattr__(self, name, tuple(sorted(set(getattr(self, name)))))

    def __bool__(self) -> bool:
        return bool(self.off or self.keep or self.rules)


NO_CHOICES = NormaliserChoices()


@dataclass(frozen=True, slots=True)
class NormalisedFile:
    """One action: `path` as in a layer; `before` and `after` are sizes in bytes.

    `action` is `revert`, `remove` or `rewrite`; `after` is None for what is no longer in the layer.
    A group of hard links is named by its first path and counted once.
    """

    path: bytes
    normaliser: str
    action: str
    before: int
    after: int | None


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A file that a normaliser knows and could not repair, and the reason."""

    path: bytes
    normaliser: str
    why: str


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret or randomness in the layer: `what` is one sentence about the file."""

    path: bytes
    detector: str
    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class Account:
    """Everything that normalising one layer did, could not do, and noticed; sorted by path."""

    files: tuple[NormalisedFile, ...] = ()
    left: tuple[LeftAlone, ...] = ()
    secrets: tuple[Secret, ...] = ()

    def counts(self) -> dict[str, int]:
        """Give the number of files by normaliser, sorted by name."""
        return dict(sorted(Counter(file.normaliser for file in self.files).items()))
