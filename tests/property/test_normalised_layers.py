"""Whatever layers an image has, its canonical form shows the same tree and stays as it is."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import tempfile
from functools import partial
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from samebit.errors import InputError
from samebit.image.entry import Entry, Kind
from samebit.image.index_difference import layer_entries
from samebit.image.layer_blob import LayerBlob
from samebit.image.layer_stack import LayerStack, read_stack
from samebit.image.layer_writer import Layer, write_layer
from samebit.image.tree_index import TreeIndex
from samebit.model.descriptor import OCI_LAYER_GZIP, Descriptor
from samebit.model.digest import Digest
from samebit.normalisers.spool import Spool
from samebit.pipeline.layer_contents import LayerContents
from samebit.store.store import Store

_NAMES = st.lists(st.sampled_from(["a", "b", "a-b"]), min_size=1, max_size=3).map("/".join)
_WHITEOUTS = st.builds(
    lambda path, name: f"{path}/{name}", _NAMES, st.sampled_from([".wh.a", ".wh.b", ".wh..wh..opq"])
)


@st.composite
def members(draw: st.DrawFn) -> tuple[str, bytes, str, bytes, int]:
    kind = draw(
        st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE, b"w"])
    )
    if kind == b"w":
        return draw(_WHITEOUTS), tarfile.REGTYPE, "", b"", 0
    link = draw(_NAMES) if kind in (tarfile.LNKTYPE, tarfile.SYMTYPE) else ""
    content = draw(st.sampled_from([b"", b"1", b"22"])) if kind == tarfile.REGTYPE else b""
    return draw(_NAMES), kind, link, content, draw(st.sampled_from([0o644, 0o700]))


def blob(items: list[tuple[str, bytes, str, bytes, int]]) -> LayerBlob:
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, kind, link, content, mode in items:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode, member.size = kind, link, mode, len(content)
            archive.addfile(member, io.BytesIO(content))
    data = gzip.compress(plain.getvalue())
    diff_id = Digest(hashlib.sha256(plain.getvalue()).hexdigest())
    descriptor = Descriptor(OCI_LAYER_GZIP, Digest(hashlib.sha256(data).hexdigest()), len(data))
    return LayerBlob("layer", descriptor, diff_id, partial(io.BytesIO, data))


def shown(tree: TreeIndex) -> tuple[dict[bytes, Entry], dict[bytes, bytes]]:
    """All that a container sees: entries and contents, the root as unpackers make it."""
    entries = {path: entry for path, entry in tree.entries.items() if path}
    return entries, dict(tree.contents)


def written(stack: LayerStack, entries: tuple[Entry, ...], store: Store) -> LayerBlob:
    with store.temporary_directory() as place, Spool(place) as spool:
        contents = LayerContents(stack, spool).keep(entries)
        layer: Layer = write_layer(entries, contents.final, 0, store, 1)
    return LayerBlob(
        "made", layer.descriptor, layer.diff_id, partial(store.open, layer.descriptor.digest)
    )


@settings(deadline=None, max_examples=150)
@given(st.lists(st.lists(members(), max_size=6), min_size=1, max_size=3), st.booleans())
def test_one_layer_says_the_same(
    layers: list[list[tuple[str, bytes, str, bytes, int]]],
    with_base: bool,
) -> None:
    blobs = [blob(items) for items in layers]
    count = 1 if with_base else 0
    try:
        stack = read_stack(blobs, count)
    except InputError:
        return
    entries = layer_entries(stack.base, stack.final)
    with tempfile.TemporaryDirectory() as place:
        store = Store(Path(place))
        made = written(stack, entries, store)
        again = read_stack([*blobs[:count], made], count)
        assert shown(again.final) == shown(stack.final)
        linked = {path for group in stack.final.groups() for path in group}
        kept = {entry.path for entry in entries if entry.kind is not Kind.DIRECTORY}
        # Names of one file that the layer has stay names of one file.
        for group in stack.final.groups():
            if set(group) & kept:
                assert group in again.final.groups()
        assert {path for group in again.final.groups() for path in group} <= linked
        assert layer_entries(again.base, again.final) == entries
