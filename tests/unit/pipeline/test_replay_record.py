from __future__ import annotations

from pathlib import Path

import pytest

from samebit.model.digest import Digest
from samebit.pipeline.replay import is_unproven, note_recorded, note_replayed
from samebit.store.store import Store

ONE, TWO = Digest("1" * 64), Digest("2" * 64)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_nothing_is_known_of_new_inputs(store: Store) -> None:
    assert not is_unproven(store, "key")


def test_an_equal_replay_is_the_proof(store: Store) -> None:
    note_recorded(store, "key", ONE)
    assert is_unproven(store, "key")
    assert not is_unproven(store, "other")
    assert note_replayed(store, "key", ONE) is None
    assert not is_unproven(store, "key")
    # Recording the same again takes nothing back.
    note_recorded(store, "key", ONE)
    assert not is_unproven(store, "key")
    note_recorded(store, "key", TWO)
    assert is_unproven(store, "key")


def test_another_digest_is_told_and_must_be_replayed_itself(store: Store) -> None:
    note_recorded(store, "key", ONE)
    finding = note_replayed(store, "key", TWO)
    assert finding is not None
    assert finding.code == "replay-differs"
    assert str(ONE) in finding.what
    assert str(TWO) in finding.what
    assert finding.fix
    assert is_unproven(store, "key")
    assert note_replayed(store, "key", TWO) is None
    assert not is_unproven(store, "key")


def test_a_lock_from_elsewhere_is_replayed_from_the_start(store: Store) -> None:
    assert note_replayed(store, "key", ONE) is None
    assert not is_unproven(store, "key")
    assert note_replayed(store, "key", TWO) is not None


def test_a_damaged_record_counts_as_absent(store: Store) -> None:
    store.set_record("replay", "key", b"recorded nonsense")
    assert not is_unproven(store, "key")
    assert note_replayed(store, "key", ONE) is None
