"""Walking two sorted lists of entries side by side and keeping the most telling differences."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from samebit.image.applied_tree import AppliedTrees
from samebit.image.entry_spool import EntrySpool
from samebit.image.layer_members import CONTENT, HEADERS, PAX, TYPE, XATTR, Facts
from samebit.model.escaped import escaped
from samebit.model.image_difference import FieldChange, OrderChange

Source: TypeAlias = tuple[int, int]
"""Where an entry's bytes are: number of the layer and of the member in it, both from 0."""

# What changes the meaning most comes first in a report; unknown fields come last.
_IMPORTANCE = {
    TYPE: 0,
    CONTENT: 1,
    "link": 1,
    "device": 1,
    "size": 1,
    "hard-links": 2,
    "mode": 3,
    "uid": 3,
    "gid": 3,
    "mtime": 5,
}
_XATTR_IMPORTANCE = 4
_LEAST = 6
_HASHES = frozenset({CONTENT, HEADERS})


@dataclass(frozen=True, slots=True)
class Located:
    """An entry of one side with the place of its bytes."""

    path: bytes
    occurrence: int
    source: Source
    facts: Facts


@dataclass(frozen=True, slots=True)
class Changed:
    """An entry that differs, before its bytes are looked into."""

    path: bytes
    occurrence: int
    fields: tuple[str, ...]
    a: Located
    b: Located

    def field_changes(self) -> tuple[FieldChange, ...]:
        """Give the differing attributes as text, without hashes: a reader learns nothing there."""
        return tuple(
            FieldChange(_field(field), _shown(self.a.facts, field), _shown(self.b.facts, field))
            for field in self.fields
            if field not in _HASHES
        )


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk found; see EntriesDifference."""

    changed_count: int
    changed: tuple[Changed, ...]
    only_a_count: int
    only_a: tuple[bytes, ...]
    only_b_count: int
    only_b: tuple[bytes, ...]
    fields: tuple[tuple[str, int], ...]


def spooled(spool: EntrySpool, side: int, layer: int) -> Iterator[Located]:
    """Give the sorted entries of a spooled layer, which is number `layer` of its image."""
    for entry in spool.by_path(side):
        yield Located(entry.path, entry.occurrence, (layer, entry.ordinal), entry.facts)


def applied(trees: AppliedTrees, side: int) -> Iterator[Located]:
    """Give the sorted entries of a tree."""
    for entry in trees.entries(side):
        yield Located(entry.path, 0, (entry.layer, entry.ordinal), entry.facts)


def walk(side_a: Iterable[Located], side_b: Iterable[Located], limit: int | None) -> Walked:
    """Compare two lists in order of path and occurrence, keeping `limit` of each kind.

    None keeps all of them, in memory.
    """
    only: tuple[list[bytes], list[bytes]] = ([], [])
    counts = [0, 0]
    fields: Counter[str] = Counter()
    total = 0

    def differing() -> Iterator[Changed]:
        nonlocal total
        for a, b in _merged(iter(side_a), iter(side_b)):
            if a is None or b is None:
                side = 0 if b is None else 1
                lone = a or b
                assert lone is not None
                counts[side] += 1
                if limit is None or len(only[side]) < limit:
                    only[side].append(lone.path)
                continue
            changed = _changed(a, b)
            if changed is not None:
                total += 1
                fields.update({_group(field) for field in changed.fields})
                yield changed

    if limit is None:
        kept = sorted(differing(), key=_rank)
    else:
        kept = heapq.nsmallest(limit, differing(), key=_rank)
    return Walked(
        total,
        tuple(kept),
        counts[0],
        tuple(only[0]),
        counts[1],
        tuple(only[1]),
        tuple(sorted(fields.items(), key=lambda item: (_importance(item[0]), item[0]))),
    )


def first_order_change(spool: EntrySpool) -> OrderChange | None:
    """Find where the entries that both sides have are first in another order."""
    pairs = zip(spool.common_paths(0), spool.common_paths(1), strict=True)
    for position, (a, b) in enumerate(pairs):
        if a != b:
            return OrderChange(position, shown_path(a[0]), shown_path(b[0]))
    return None


def shown_path(path: bytes) -> str:
    """Give a path as a person expects it, from the root on."""
    return "/" + escaped(path)


def _merged(
    side_a: Iterator[Located], side_b: Iterator[Located]
) -> Iterator[tuple[Located | None, Located | None]]:
    a, b = next(side_a, None), next(side_b, None)
    while a is not None or b is not None:
        if b is None or (a is not None and _key(a) < _key(b)):
            yield a, None
            a = next(side_a, None)
        elif a is None or _key(b) < _key(a):
            yield None, b
            b = next(side_b, None)
        else:
            yield a, b
            a, b = next(side_a, None), next(side_b, None)


def _key(entry: Located) -> tuple[bytes, int]:
    return entry.path, entry.occurrence


def _changed(a: Located, b: Located) -> Changed | None:
    if a.facts == b.facts:
        return None
    names = a.facts.keys() | b.facts.keys()
    # Directories that no layer describes have a type only.
    if len(a.facts) == 1 or len(b.facts) == 1:
        names = {TYPE}
    fields = [name for name in names if a.facts.get(name) != b.facts.get(name)]
    if not fields:
        return None
    if len(fields) > 1 and HEADERS in fields:
        # Any other difference explains this one.
        fields.remove(HEADERS)
    fields.sort(key=lambda name: (_importance(name), name))
    return Changed(a.path, a.occurrence, tuple(fields), a, b)


def _rank(changed: Changed) -> tuple[int, bytes, int]:
    return _importance(changed.fields[0]), changed.path, changed.occurrence


def _importance(field: str) -> int:
    if field.startswith("xattr"):
        return _XATTR_IMPORTANCE
    return _IMPORTANCE.get(field, _LEAST)


def _group(field: str) -> str:
    for prefix in (XATTR, PAX):
        if field.startswith(prefix):
            return prefix.strip()
    return field


def _field(field: str) -> str:
    prefix = next((prefix for prefix in (XATTR, PAX) if field.startswith(prefix)), "")
    return prefix + escaped(field[len(prefix) :].encode("utf-8", "surrogateescape"))


def _shown(facts: Facts, field: str) -> str | None:
    value = facts.get(field)
    if value is None:
        return None
    return shown_path(value) if field == "hard-links" else escaped(value)
