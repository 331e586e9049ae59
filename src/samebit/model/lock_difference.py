"""How two locks differ, in packages and versions: what a person reviews after an update."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ChangeKind(enum.Enum):
    """What happened to an input, in the order in which a reviewer should see it.

    SUSPICIOUS: other bytes where the same were promised. CHANGED: other versions whose order is
    unknown. MOVED: an index, a redirect or an error answer, which are there to change.
    """

    SUSPICIOUS = "suspicious"
    ADDED = "added"
    REMOVED = "removed"
    UPGRADED = "upgraded"
    DOWNGRADED = "downgraded"
    CHANGED = "changed"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A fact of the lock itself; `old` is None for an added one, `new` for a removed one."""

    subject: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class InputChange:
    """What happened to an input of an ecosystem (`base image`, `deb`, `npm`, `url`, …).

    `old` and `new` are versions, or digests where a name has no version or one version has two
    contents; several where a build uses several versions of one package. `urls` says where, for
    what is suspicious.
    """

    kind: ChangeKind
    ecosystem: str
    name: str
    old: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LockDifference:
    """Everything that differs.

    `details` counts the fetches that differ in what says nothing about packages: indexes that were
    asked for or were not, headers, the step that asked, platforms.
    """

    settings: tuple[SettingChange, ...] = ()
    inputs: tuple[InputChange, ...] = ()
    details: int = 0

    @property
    def identical(self) -> bool:
        """Tell whether nothing differs at all."""
        return not self.settings and not self.inputs and not self.details

    def of_kind(self, kind: ChangeKind) -> tuple[InputChange, ...]:
        """Give the inputs to which that happened."""
        return tuple(change for change in self.inputs if change.kind is kind)
