"""From the axes that shall be varied to the conditions of one build."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from samebit.variations.protocol import Conditions, Machine, NotVaried
from samebit.variations.registry import all_axes


@dataclass(frozen=True, slots=True)
class Variation:
    """The conditions of a build, by axis how they were varied, and why others were not."""

    conditions: Conditions
    varied: dict[str, str]
    not_varied: dict[str, str]


def vary(names: Collection[str], machine: Machine) -> Variation:
    """Apply the axes of these names; the others are not mentioned."""
    conditions = Conditions()
    varied: dict[str, str] = {}
    not_varied: dict[str, str] = {}
    for axis in all_axes():
        if axis.name not in names:
            continue
        found = axis.apply(conditions, machine)
        if isinstance(found, NotVaried):
            not_varied[axis.name] = found.reason
        else:
            conditions = found.conditions
            varied[axis.name] = found.how
    return Variation(conditions, dict(sorted(varied.items())), dict(sorted(not_varied.items())))
