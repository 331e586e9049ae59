"""Finding out which axis alone makes a path differ, in few builds.

The control comes first: what differs between two builds without any variation is random or shows
the time, and no axis is to blame. Then the axes that the bytes point at are tried alone, and the
rest is halved. In the end all axes but those are varied once more, for what differs by several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

Paths: TypeAlias = frozenset[bytes]
Try: TypeAlias = Callable[[frozenset[str]], Paths | None]
"""Builds with only these axes varied; gives what then differs, None when that cannot be built."""


@dataclass(slots=True)
class Blame:
    """What was found: for each path the axes that alone make it differ.

    `unvaried` differ without any. `together` are the axes of which several are needed at once.
    What is in none of them was not found out: the builds were used up.
    """

    axes: dict[bytes, list[str]] = field(default_factory=dict)
    unvaried: Paths = frozenset()
    together: dict[bytes, tuple[str, ...]] = field(default_factory=dict)
    builds: int = 0


def find_axes(
    paths: Paths,
    axes: Sequence[str],
    attempt: Try,
    *,
    budget: int,
    hints: Mapping[bytes, Collection[str]] | None = None,
    includes: Mapping[str, str] | None = None,
) -> Blame:
    """Search with at most `budget` builds. `paths` differ when all of `axes` are varied.

    `hints` name for some paths the axes that their bytes point at. `includes` names for some axes
    another one that they cannot change apart from it.
    """
    search = _Search(attempt, budget, {path: set(found) for path, found in (hints or {}).items()})
    control = search.build(frozenset())
    search.blame.unvaried = paths & control if control is not None else frozenset()
    left, rest = paths - search.blame.unvaried, tuple(axes)
    while left and rest:
        search.halve(search.suspects(left, rest), rest)
        found = search.blamed()
        again = search.build(frozenset(rest) - found) if found & frozenset(rest) else None
        # One path may have several axes to blame: is there more without those that are known?
        left = left & again if again is not None else frozenset()
        rest = tuple(axis for axis in rest if axis not in found)
    search.complete(paths - search.blame.unvaried)
    search.refine(includes or {}, axes)
    return search.blame


class _Search:
    def __init__(self, attempt: Try, budget: int, hints: Mapping[bytes, Collection[str]]) -> None:
        self.blame = Blame()
        self._attempt = attempt
        self._left = budget
        self._hints = hints
        self._known: dict[frozenset[str], Paths] = {}

    def build(self, axes: frozenset[str]) -> Paths | None:
        """Try some axes; None when there is no build left, or it fails."""
        if axes in self._known:
            return self._known[axes]
        if self._left <= 0:
            return None
        self._left -= 1
        self.blame.builds += 1
        found = self._attempt(axes)
        if found is not None:
            self._known[axes] = found
        return found

    def suspects(self, paths: Paths, axes: Sequence[str]) -> Paths:
        """Try alone what the bytes point at; give the paths that stay open."""
        votes = Counter(
            axis for path in sorted(paths) for axis in self._hints.get(path, ()) if axis in axes
        )
        for axis, _ in sorted(votes.items(), key=lambda item: (-item[1], item[0])):
            if not any(axis in self._hints.get(path, ()) for path in paths):
                continue
            paths -= self._alone(axis, paths)
        return paths

    def halve(self, paths: Paths, axes: tuple[str, ...], within: tuple[str, ...] = ()) -> None:
        """Search `axes` for paths that differ with all of `within`, which holds them."""
        within = within or axes
        if not paths or not axes:
            return
        if len(axes) == 1:
            found = self.build(frozenset(axes))
            self._blame(axes[0], paths & found if found is not None else frozenset())
            for path in paths - found if found is not None else ():
                # None that comes before does it alone.
                self.blame.together.setdefault(path, within)
            return
        middle = len(axes) // 2
        first, second = axes[:middle], axes[middle:]
        found = self.build(frozenset(first))
        if found is None:
            return
        self.halve(paths & found, first)
        # What the first half does not explain is the other's, or needs both.
        self.halve(paths - found, second, within)

    def complete(self, paths: Paths) -> None:
        """Blame an axis that was tried alone for everything that differed then."""
        for axes, found in self._known.items():
            if len(axes) == 1:
                self._blame(min(axes), paths & found)

    def refine(self, includes: Mapping[str, str], axes: Collection[str]) -> None:
        """Blame the axis that another one includes, where it is enough."""
        for axis, inner in sorted(includes.items()):
            paths = self._blamed(axis)
            if not paths or inner not in axes:
                continue
            found = self.build(frozenset({inner}))
            for path in paths & found if found is not None else ():
                self.blame.axes[path] = sorted({*self.blame.axes[path], inner} - {axis})

    def blamed(self) -> frozenset[str]:
        """Give the axes that are to blame for something."""
        return frozenset(axis for axes in self.blame.axes.values() for axis in axes)

    def _alone(self, axis: str, paths: Paths) -> Paths:
        found = self.build(frozenset({axis}))
        blamed = paths & found if found is not None else frozenset()
        self._blame(axis, blamed)
        return blamed

    def _blame(self, axis: str, paths: Paths) -> None:
        for path in paths:
            known = self.blame.axes.get(path, [])
            self.blame.axes[path] = sorted({*known, axis})

    def _blamed(self, axis: str) -> Paths:
        return frozenset(path for path, found in self.blame.axes.items() if axis in found)


def by_likelihood(axes: Iterable[str], first: Sequence[str]) -> list[str]:
    """Put the axes that are most often to blame first: halving then finds them together."""
    known = list(axes)
    return [axis for axis in first if axis in known] + [axis for axis in known if axis not in first]
