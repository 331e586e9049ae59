"""The tree that an image's layers add up to, wherever they lie, and where its contents are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from samebit.image.base_index import apply_members
from samebit.image.layer_blob import LayerBlob
from samebit.image.layer_reader import DEFAULT_LIMITS, Limits, open_blob
from samebit.image.layered_tree import LayeredTree
from samebit.image.tree_index import TreeIndex


@dataclass(frozen=True, slots=True)
class LayerStack:
    """`final` is the tree of all layers, `base` that of the lowest ones.

    `acls` are paths whose access control lists no layer of ours can keep. `places` tells for the
    sha256 of a file's content the last layer and member, from 0, that has it.
    """

    base: TreeIndex
    final: TreeIndex
    acls: frozenset[bytes]
    places: dict[bytes, tuple[int, int]]
    layers: tuple[LayerBlob, ...]


def read_stack(
    layers: Sequence[LayerBlob], base_layers: int, limits: Limits = DEFAULT_LIMITS
) -> LayerStack:
    """Read every layer once, checking digests and diff IDs; the lowest `base_layers` are the base.

    `limits` hold for each layer. Memory grows with the number of entries, not with their content.
    Raises InputError.
    """
    tree = LayeredTree()
    base = TreeIndex.of(tree)
    places: dict[bytes, tuple[int, int]] = {}
    acls: set[bytes] = set()
    for number, layer in enumerate(layers):
        members = apply_members(tree, open_blob(layer, limits), layer.what)
        for ordinal, (member, content) in enumerate(members):
            if content:
                places[content] = (number, ordinal)
            if member.acls:
                acls.add(member.entry.path)
            else:
                acls.discard(member.entry.path)
        if number + 1 == base_layers:
            base = TreeIndex.of(tree)
    return LayerStack(base, TreeIndex.of(tree), frozenset(acls), places, tuple(layers))
