"""The final tree of a base image, made from its own layer blobs and kept beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from samebit.errors import InputError
from samebit.image.entry import Kind
from samebit.image.layer_reader import DEFAULT_LIMITS, Limits, Member, open_layer
from samebit.image.layered_tree import LayeredTree
from samebit.image.tree_index import TreeIndex
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.store.store import Store

# Part of the record's name: a change of the encoding, or of how layers are applied, makes
# older records unknown.
_RECORD = "base-index-2"


def index_base(
    store: Store,
    layers: Sequence[Descriptor],
    diff_ids: Sequence[Digest],
    limits: Limits = DEFAULT_LIMITS,
) -> TreeIndex:
    """Give the tree that `layers`, lowest first, unpack to.

    Read once per list of diff IDs, then kept as a record in `store`; reading checks the digest and
    the diff ID of every blob. `limits` hold for each layer. Raises InputError for a blob that is
    absent, damaged, or not a layer.
    """
    if len(layers) != len(diff_ids):
        raise InputError(
            f"the base image has {len(layers)} layers but its config lists {len(diff_ids)} diff IDs"
        )
    key = hashlib.sha256("\n".join(map(str, diff_ids)).encode()).hexdigest()
    record = store.record(_RECORD, key)
    if record is not None:
        try:
            return TreeIndex.decode(record)
        except InputError:
            pass  # made anew below
    index = _read(store, layers, diff_ids, limits)
    store.set_record(_RECORD, key, index.encode())
    return index


def _read(
    store: Store, layers: Sequence[Descriptor], diff_ids: Sequence[Digest], limits: Limits
) -> TreeIndex:
    tree = LayeredTree()
    for layer, diff_id in zip(layers, diff_ids, strict=True):
        what = f"layer {layer.digest}"
        with store.open_verified(layer.digest) as stream:
            members = open_layer(
                stream, layer.media_type, what=what, diff_id=diff_id, limits=limits
            )
            for _ in apply_members(tree, members, what):
                pass
    return TreeIndex.of(tree)


def apply_members(
    tree: LayeredTree, members: Iterable[Member], what: str
) -> Iterator[tuple[Member, bytes]]:
    """Apply the members of one layer, named `what` in errors, to `tree` while they are drawn.

    Gives each with the sha256 of its content, b"" for all but regular files. Raises InputError.
    """
    tree.begin(what)
    for member in members:
        content = b""
        if member.entry.kind is Kind.FILE:
            hasher = hashlib.sha256()
            while data := member.content.read():
                hasher.update(data)
            content = hasher.digest()
        tree.add(member.entry, content)
        yield member, content
    tree.end()
