"""The normalisers that apply to one image: a numbered set, as a project's choices change it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Self

from samebit.model.normalising import NormaliserChoices
from samebit.normalisers.patterns import PatternTable, matcher
from samebit.normalisers.protocol import Action, Detector, Normaliser, Scope
from samebit.normalisers.registry import all_detectors, all_normalisers, normaliser_set


@dataclass(frozen=True, slots=True)
class NormaliserSelection:
    """What is applied, by path. `kept` fits the paths that ship as the build left them.

    `marks` fits the first bytes that a normaliser for every path may recognise; None: not known.
    """

    normalisers: PatternTable[Normaliser]
    detectors: PatternTable[Detector]
    kept: re.Pattern[bytes] | None
    marks: re.Pattern[bytes] | None = None

    @classmethod
    def of(
        cls,
        number: int,
        choices: NormaliserChoices,
        scopes: frozenset[Scope] | None = None,
        extra: Iterable[Normaliser] = (),
    ) -> Self:
        """Select from set `number`; `scopes` defaults to what may ship, `extra` come on top."""
        wanted = scopes or frozenset({Scope.WRITE_SAFE})
        chosen = [
            normaliser
            for normaliser in normaliser_set(number)
            if normaliser.scope in wanted
            and not any(fnmatchcase(normaliser.name, pattern) for pattern in choices.off)
        ]
        if number > 0:
            chosen += _own(choices)
        chosen += extra
        chosen.sort(key=lambda one: (one.action is Action.REWRITE, one.rank, one.name))
        return cls(
            PatternTable((one.paths, one) for one in chosen),
            PatternTable((one.paths, one) for one in all_detectors()),
            matcher(path.encode("utf-8", "surrogateescape") for path in choices.keep),
            _marks(chosen),
        )

    def find(self, path: bytes, *, everywhere: bool = True) -> list[Normaliser]:
        """Give the normalisers for a path, in the order in which they are asked.

        Without `everywhere`, those that go by content alone are left out.
        """
        if self.kept is not None and self.kept.fullmatch(path):
            return []
        return self.normalisers.find(path, everywhere=everywhere)


def unknown_names(choices: NormaliserChoices) -> tuple[str, ...]:
    """Give what `off` says that no normaliser of any set is called."""
    return tuple(
        pattern
        for pattern in choices.off
        if not any(fnmatchcase(one.name, pattern) for one in all_normalisers())
    )


def known_names() -> tuple[str, ...]:
    """Give every name that `off` can say, sorted."""
    return tuple(sorted({one.name for one in all_normalisers()}))


def _marks(chosen: Iterable[Normaliser]) -> re.Pattern[bytes] | None:
    marks = {mark for one in chosen if not one.paths for mark in one.magic}
    texts = [b".{%d}" % at + re.escape(text) for at, text in sorted(marks)]
    return re.compile(b"|".join(texts), re.DOTALL) if texts else None


def _own(choices: NormaliserChoices) -> list[Normaliser]:
    return [
        Normaliser(
            name=f"custom/rule-{number}",
            action=Action(rule.action),
            paths=(rule.path.encode("utf-8", "surrogateescape"),),
            why=rule.reason,
            reference="samebit.toml",
            rank=0,
        )
        for number, rule in enumerate(choices.rules, 1)
    ]
