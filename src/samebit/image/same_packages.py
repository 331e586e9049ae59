"""Telling whether two trees hold the same packages, from the records that they differ in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from samebit.image.applied_tree import AppliedTrees
from samebit.image.entry_details import Detail, visit
from samebit.image.entry_difference import Source, applied
from samebit.image.layer_blob import LayerBlob
from samebit.image.layer_members import CONTENT, TYPE

# A record of every package of a distribution is smaller.
_MOST_BYTES = 64 << 20
_MOST_TOTAL = 256 << 20
_FILE = b"file"


def same_packages(
    trees: AppliedTrees,
    layers: tuple[Sequence[LayerBlob], Sequence[LayerBlob]],
    detail: Detail,
) -> bool:
    """Compare what the package managers of two trees say is installed.

    False also where they say nothing, or more than is read. Raises InputError for a layer that has
    changed since it was read first.
    """
    found = [_packages(trees, side, layers[side], detail) for side in (0, 1)]
    return bool(found[0]) and found[0] == found[1]


def _packages(
    trees: AppliedTrees, side: int, layers: Sequence[LayerBlob], detail: Detail
) -> frozenset[tuple[str, str, str]]:
    paths: list[bytes] = []
    wanted: dict[Source, list[bytes]] = {}
    total = 0
    for entry in applied(trees, side):
        paths.append(entry.path)
        if not detail.inspect.is_record(entry.path) or entry.facts.get(TYPE) != _FILE:
            continue
        size = int(entry.facts.get("size", b"0"))
        total += size
        if CONTENT not in entry.facts or size > _MOST_BYTES or total > _MOST_TOTAL:
            return frozenset()
        wanted.setdefault(entry.source, []).append(entry.path)
    records = dict(_contents(layers, wanted, detail))
    return detail.inspect.packages(paths, records)


def _contents(
    layers: Sequence[LayerBlob], wanted: dict[Source, list[bytes]], detail: Detail
) -> Iterator[tuple[bytes, bytes]]:
    for source, reader in visit(layers, wanted.keys(), detail):
        parts = []
        while data := reader.read():
            parts.append(data)
        for path in wanted[source]:
            yield path, b"".join(parts)
