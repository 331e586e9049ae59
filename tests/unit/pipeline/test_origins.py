"""What a build notes of who brought its files, and when an audit believes it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebit.dockerfile.evaluate import evaluate
from samebit.dockerfile.parser import parse
from samebit.dockerfile.stages import plan
from samebit.image.entry import Entry, Kind
from samebit.image.whiteout import Whiteout
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.pipeline.attribution import Attribution
from samebit.pipeline.origins import Origins, keep_origins, known_origins, origins_of
from samebit.store.store import Store

DOCKERFILE = "FROM scratch\nCOPY one /a/\nENV A=1\nCOPY two three /b/\n"
DIFF_ID = Digest.of(b"a layer")
HISTORY = ("COPY one /a/", "ENV A=1", "COPY two three /b/")
ENTRIES = [
    Entry(b"a", Kind.DIRECTORY, 0o755),
    Whiteout(b"a/.wh.gone", Kind.FILE, 0),
    Entry(b"a/one", Kind.FILE, 0o644),
    Entry(b"b/three", Kind.FILE, 0o644),
    Entry(b"b/two", Kind.FILE, 0o644),
    Entry(b"c", Kind.FILE, 0o644),
]


@pytest.fixture
def origins() -> Origins:
    found = evaluate(plan(parse(DOCKERFILE, "D"), platform=Platform("linux", "amd64")), {})
    return origins_of(ENTRIES, Attribution.of(found, lambda _: False))


def test_each_file_has_a_number(origins: Origins) -> None:
    assert [(one.text, one.path, one.line) for one in origins.instructions] == [
        (HISTORY[0], "D", 2),
        (HISTORY[2], "D", 4),
    ]
    assert list(origins.numbers()) == [0, 0, 1, 2, 2, 0]


def test_kept_and_found_again(tmp_path: Path, origins: Origins) -> None:
    assert known_origins(tmp_path / "none", DIFF_ID, HISTORY) is None
    assert not (tmp_path / "none").exists()
    store = Store(tmp_path / "store")
    assert known_origins(store.root, DIFF_ID, HISTORY) is None
    keep_origins(store, DIFF_ID, origins)
    assert known_origins(store.root, DIFF_ID, HISTORY) == origins
    # The same layer of an image whose instructions are other ones.
    assert known_origins(store.root, DIFF_ID, HISTORY[:2]) is None
    assert known_origins(store.root, Digest.of(b"another"), HISTORY) is None


@given(st.binary(max_size=60))
def test_damaged_numbers(data: bytes) -> None:
    assert list(Origins((), data).numbers()) == []


def test_damaged_record(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for damaged in (b"", b"\xff", msgspec.msgpack.encode([1, 2])):
        store.set_record("origins-1", DIFF_ID.hex, damaged)
        assert known_origins(tmp_path, DIFF_ID, HISTORY) is None


def test_numbers_beyond_the_instructions(origins: Origins) -> None:
    assert list(Origins(origins.instructions[:1], origins.packed).numbers()) == []
