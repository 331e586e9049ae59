from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebit.errors import InternalError
from samebit.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_records_are_kept_and_replaced(store: Store) -> None:
    assert store.record("memo", "k") is None
    store.set_record("memo", "k", b"one\ntwo")
    store.set_record("memo", "k", b"three")
    assert Store(store.root).record("memo", "k") == b"three"
    assert store.record("other", "k") is None


def test_every_damage_makes_a_record_absent(store: Store) -> None:
    store.set_record("memo", "k", b"value")
    path = store.root / "records" / "memo" / "k"
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        assert store.record("memo", "k") is None
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert store.record("memo", "k") is None
    path.write_bytes(whole)
    assert store.record("memo", "k") == b"value"


def test_a_record_in_anothers_place_is_absent(store: Store) -> None:
    store.set_record("memo", "a", b"value")
    os.rename(store.root / "records" / "memo" / "a", store.root / "records" / "memo" / "b")
    assert store.record("memo", "b") is None


@given(key=st.text(max_size=300), value=st.binary(max_size=300))
def test_any_text_is_a_key(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: bytes
) -> None:
    store = Store(tmp_path_factory.getbasetemp() / "shared")
    store.set_record("memo", key, value)
    assert store.record("memo", key) == value
    assert all("/" not in name for name in os.listdir(store.root / "records" / "memo"))


def test_a_kind_is_a_word(store: Store) -> None:
    with pytest.raises(InternalError):
        store.set_record("../x", "k", b"")
