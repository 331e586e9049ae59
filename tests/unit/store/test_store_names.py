from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebit.errors import InputError
from samebit.model.descriptor import OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.store import names
from samebit.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def blob(store: Store, data: bytes) -> Descriptor:
    return Descriptor(OCI_MANIFEST, store.put(data), len(data))


def test_tag_resolve_untag(store: Store) -> None:
    one, two = blob(store, b"one"), blob(store, b"two")
    store.tag("b", one)
    store.tag("a", two)
    assert store.tags() == {"a": two, "b": one}
    assert list(store.tags()) == ["a", "b"]
    store.tag("b", two)
    assert store.resolve("b") == two
    store.untag("b")
    store.untag("never was")
    assert store.resolve("b") is None
    assert Store(store.root).tags() == {"a": two}


def test_only_blobs_that_are_here_get_a_name(store: Store) -> None:
    with pytest.raises(InputError, match="not in the store"):
        store.tag("a", Descriptor(OCI_MANIFEST, Digest("0" * 64), 3))


def test_index_does_not_depend_on_the_order_of_tagging(tmp_path: Path) -> None:
    one, two = Store(tmp_path / "1"), Store(tmp_path / "2")
    for name in "abc":
        one.tag(name, blob(one, name.encode()))
    for name in "cab":
        two.tag(name, blob(two, name.encode()))
    assert (one.root / "index.json").read_bytes() == (two.root / "index.json").read_bytes()


def test_what_others_wrote_into_the_index_is_kept(store: Store) -> None:
    one = blob(store, b"one")
    document = json.loads((store.root / "index.json").read_bytes())
    other = {
        "mediaType": OCI_MANIFEST,
        "digest": str(one.digest),
        "size": 3,
        "platform": {"os": "linux", "architecture": "arm64"},
        "data": "b25l",
    }
    document |= {"manifests": [other], "annotations": {"org.example": "x"}}
    (store.root / "index.json").write_text(json.dumps(document))
    store.tag("mine", one)
    after = json.loads((store.root / "index.json").read_bytes())
    assert other in after["manifests"]
    assert after["annotations"] == {"org.example": "x"}
    assert store.tags() == {"mine": one}


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"schemaVersion":2}',
        b'{"schemaVersion":1,"manifests":[]}',
        b'{"schemaVersion":2,"manifests":[1]}',
        b'{"schemaVersion":2,"manifests":[{}]}',
        b'{"schemaVersion":2,"manifests":[{"mediaType":"a","digest":"md5:x","size":1}]}',
        b'{"schemaVersion":2,"manifests":[{"mediaType":"a","digest":"sha256:%s","size":-1}]}'
        % (b"0" * 64),
        b'{"schemaVersion":2,"manifests":[{"mediaType":"a","digest":"sha256:%s","size":true}]}'
        % (b"0" * 64),
        b'{"schemaVersion":2,"manifests":[NaN]}',
        b"[" * 100_000,
    ],
)
def test_damaged_index_is_a_clear_error(store: Store, broken: bytes) -> None:
    (store.root / "index.json").write_bytes(broken)
    with pytest.raises(InputError) as caught:
        store.tags()
    assert "delete" in (caught.value.fix or "")


@given(st.binary(max_size=200))
def test_no_bytes_make_the_index_reader_fail_otherwise(data: bytes) -> None:
    with contextlib.suppress(InputError):
        names.parse_index(data, "x")


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
        st.binary(min_size=32, max_size=32),
        max_size=5,
    )
)
def test_names_survive_writing_and_reading(wanted: dict[str, bytes]) -> None:
    document = names.empty_index()
    expected = {}
    for name, digest in wanted.items():
        expected[name] = Descriptor(OCI_MANIFEST, Digest(digest.hex()), 7)
        document = names.with_name(document, name, expected[name])
    data = names.encode_index(document)
    assert names.named(names.parse_index(data, "x"), "x") == expected
    assert names.encode_index(names.parse_index(data, "x")) == data
