from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest

from samebit.canonical.tar import END_OF_ARCHIVE, encode_header, padding
from samebit.errors import InputError
from samebit.image import base_index
from samebit.image.base_index import index_base
from samebit.image.entry import Entry, Kind
from samebit.image.layer_reader import Limits
from samebit.image.tree_index import TreeIndex
from samebit.model.descriptor import OCI_LAYER, OCI_LAYER_GZIP, Descriptor
from samebit.model.digest import Digest
from samebit.store.store import Store

LOWER = [
    Entry(b"", Kind.DIRECTORY, 0o755),
    Entry(b"a", Kind.FILE, 0o4755, 1, 2, 3, xattrs=((b"user.x", b"y"),)),
    Entry(b"b", Kind.HARDLINK, 0o4755, 1, 2, link=b"a"),
    Entry(b"d", Kind.DIRECTORY, 0o2755),
    Entry(b"d/null", Kind.CHARACTER, 0o666, device=(1, 3)),
    Entry(b"d/gone", Kind.FILE, 0o644),
    Entry(b"s", Kind.SYMLINK, 0o777, link=b"d"),
]
UPPER = [
    Entry(b"d", Kind.DIRECTORY, 0o755),
    Entry(b"d/.wh.gone", Kind.FILE, 0),
    Entry(b"d/new", Kind.FILE, 0o600, size=700),
]


def archive(entries: list[Entry]) -> bytes:
    parts = []
    for entry in entries:
        parts += [encode_header(entry, 0), b"x" * entry.size, padding(entry.size)]
    return b"".join([*parts, END_OF_ARCHIVE])


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def layer(store: Store, data: bytes) -> tuple[Descriptor, Digest]:
    packed = gzip.compress(data)
    return Descriptor(OCI_LAYER_GZIP, store.put(packed), len(packed)), Digest.of(data)


def test_the_final_tree(store: Store) -> None:
    first, second = layer(store, archive(LOWER)), layer(store, archive(UPPER))
    index = index_base(store, [first[0], second[0]], [first[1], second[1]])
    assert list(index.entries) == [b"", b"a", b"b", b"d", b"d/new", b"d/null", b"s"]
    assert index.entries[b"b"] == Entry(b"b", Kind.FILE, 0o4755, 1, 2, 3, xattrs=LOWER[1].xattrs)
    assert index.entries[b"d"].mode == 0o755
    assert index.groups() == ((b"a", b"b"),)
    assert index.contents == {
        b"a": hashlib.sha256(b"xxx").digest(),
        b"b": hashlib.sha256(b"xxx").digest(),
        b"d/new": hashlib.sha256(b"x" * 700).digest(),
    }


def test_it_is_computed_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    found, diff_id = layer(store, archive(LOWER))
    index = index_base(store, [found], [diff_id])
    store.path(found.digest).unlink()
    assert index_base(store, [found], [diff_id]) == index
    monkeypatch.setattr(base_index, "_RECORD", "base-index-other")
    with pytest.raises(InputError, match="not in the store"):
        index_base(store, [found], [diff_id])


def test_a_record_of_another_shape_is_made_anew(store: Store) -> None:
    found, diff_id = layer(store, archive(LOWER))
    index = index_base(store, [found], [diff_id])
    key = hashlib.sha256(str(diff_id).encode()).hexdigest()
    assert store.record("base-index-2", key) == index.encode()
    for damaged in (b"", b"\x90", index.encode()[:-1], index.encode()[:40]):
        with pytest.raises(InputError):
            TreeIndex.decode(damaged)
        store.set_record("base-index-2", key, damaged)
        assert index_base(store, [found], [diff_id]) == index


def test_the_encoding_is_frozen(store: Store) -> None:
    found, diff_id = layer(store, archive(LOWER))
    encoded = index_base(store, [found], [diff_id]).encode()
    assert TreeIndex.decode(encoded) == index_base(store, [found], [diff_id])
    # A change here needs a new name for the record.
    assert (
        hashlib.sha256(encoded).hexdigest()
        == "1d97a28eebc920dd012cea0ca82fcd8d0982d7b4e2caa92f788abdc1b780ad44"
    )


def test_no_layers(store: Store) -> None:
    assert index_base(store, [], []).entries == {}


def test_a_damaged_blob(store: Store) -> None:
    found, diff_id = layer(store, archive(LOWER))
    path = store.path(found.digest)
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    with pytest.raises(InputError):
        index_base(store, [found], [diff_id])


def test_a_lying_diff_id(store: Store) -> None:
    found, _ = layer(store, archive(LOWER))
    with pytest.raises(InputError, match=r"layer sha256:.*diff ID"):
        index_base(store, [found], [Digest.of(b"")])
    other = layer(store, archive(UPPER))
    with pytest.raises(InputError, match="2 layers"):
        index_base(store, [found, other[0]], [other[1]])


def test_limits_apply(store: Store) -> None:
    data = archive(UPPER)
    descriptor = Descriptor(OCI_LAYER, store.put(data), len(data))
    with pytest.raises(InputError, match="limits"):
        index_base(store, [descriptor], [Digest.of(data)], Limits(content=100))
