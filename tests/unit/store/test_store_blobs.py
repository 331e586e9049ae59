from __future__ import annotations

import gzip
import hashlib
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebit.errors import InputError, InternalError
from samebit.model.digest import Digest
from samebit.store.store import Store

ABSENT = Digest("0" * 64)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def damage(store: Store, digest: Digest, data: bytes) -> None:
    store.path(digest).write_bytes(data)


def leftovers(store: Store) -> list[str]:
    return sorted(os.listdir(store.root / "tmp"))


def test_new_store_is_an_empty_oci_layout(store: Store) -> None:
    assert (store.root / "oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}'
    assert (store.root / "index.json").read_bytes() == (
        b'{"manifests":[],"mediaType":"application/vnd.oci.image.index.v1+json","schemaVersion":2}'
    )
    assert store.corrupt() == []


def test_opening_again_keeps_everything(store: Store) -> None:
    digest = store.put(b"kept")
    assert Store(store.root).read(digest) == b"kept"


def test_put_names_the_blob_by_its_sha256(store: Store) -> None:
    digest = store.put(b"hello")
    assert digest.hex == hashlib.sha256(b"hello").hexdigest()
    assert store.has(digest)
    assert store.size(digest) == 5
    assert store.path(digest) == store.root / "blobs" / "sha256" / digest.hex
    with store.open(digest) as stream:
        assert stream.read() == b"hello"
    assert leftovers(store) == []


def test_absent_blob(store: Store) -> None:
    assert not store.has(ABSENT)
    for ask in (store.path, store.size, store.open, store.open_verified, store.read):
        with pytest.raises(InputError, match="not in the store"):
            ask(ABSENT)


def test_a_directory_in_a_blobs_place_is_no_blob(store: Store) -> None:
    (store.root / "blobs" / "sha256" / ABSENT.hex).mkdir()
    assert not store.has(ABSENT)


def test_empty_blob(store: Store) -> None:
    digest = store.put(b"")
    assert store.read(digest) == b""
    with store.open_verified(digest) as stream:
        assert stream.read() == b""


def test_read_refuses_more_than_its_limit(store: Store) -> None:
    digest = store.put(b"12345")
    assert store.read(digest, limit=5) == b"12345"
    with pytest.raises(InputError, match="larger than 4 bytes"):
        store.read(digest, limit=4)


@pytest.mark.parametrize("wrong", [b"hellO", b"hell", b"", b"hello!"])
def test_damaged_blob_is_never_trusted_and_goes_away(store: Store, wrong: bytes) -> None:
    digest = store.put(b"hello")
    damage(store, digest, wrong)
    assert store.corrupt() == [digest]
    with pytest.raises(InputError, match="damaged"):
        store.read(digest)
    assert not store.has(digest)
    assert store.put(b"hello") == digest
    assert store.read(digest) == b"hello"


def test_committing_again_repairs_a_damaged_blob(store: Store) -> None:
    digest = store.put(b"hello")
    damage(store, digest, b"swapped")
    store.put(b"hello")
    assert store.corrupt() == []


def test_a_consumer_that_stops_at_the_last_byte_still_sees_the_mismatch(store: Store) -> None:
    packed = gzip.compress(b"x" * 100_000, mtime=0)
    digest = store.put(packed)
    # Same member, other header: decompresses without complaint, and is not the blob.
    damage(store, digest, packed[:9] + bytes([packed[9] ^ 1]) + packed[10:])
    with (
        pytest.raises(InputError, match="damaged"),
        store.open_verified(digest) as stream,
        gzip.GzipFile(fileobj=stream) as unpacked,
    ):
        unpacked.read(100_000)


def test_blob_truncated_while_read(store: Store) -> None:
    data = os.urandom(3 << 20)
    digest = store.put(data)
    with store.open_verified(digest) as stream:
        assert stream.read(10) == data[:10]
        os.truncate(store.path(digest), 100)
        with pytest.raises(InputError, match="damaged"):
            stream.read()


def test_damage_leaves_a_good_copy_that_came_meanwhile(store: Store) -> None:
    digest = store.put(b"hello")
    damage(store, digest, b"h")
    stream = store.open_verified
    path = store.path(digest)
    bad = os.open(path, os.O_RDONLY)
    store.put(b"hello")
    store._damaged(digest, bad)
    os.close(bad)
    assert stream(digest).read() == b"hello"


@given(pieces=st.lists(st.binary(max_size=300), max_size=8))
def test_written_in_pieces_reads_back_whole(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    store = Store(tmp_path_factory.getbasetemp() / "shared")
    whole = b"".join(pieces)
    with store.writer(expected=Digest.of(whole), size=len(whole)) as writer:
        for piece in pieces:
            assert writer.write(piece) == len(piece)
        assert writer.commit() == (Digest.of(whole), len(whole))
    assert store.read(Digest.of(whole)) == whole
    with store.open_verified(Digest.of(whole)) as stream:
        assert b"".join(iter(lambda: stream.read(7), b"")) == whole


def test_leaving_without_commit_discards(store: Store) -> None:
    with store.writer() as writer:
        writer.write(b"lost")
        assert len(leftovers(store)) == 1
    assert leftovers(store) == []
    assert not store.has(Digest.of(b"lost"))


def test_other_content_than_announced(store: Store) -> None:
    with store.writer(ABSENT) as writer:
        writer.write(b"data")
        with pytest.raises(InputError, match="other content"):
            writer.commit()
    assert not store.has(ABSENT)
    assert leftovers(store) == []


def test_longer_than_announced_is_refused_at_once(store: Store) -> None:
    with pytest.raises(InputError, match="longer than the 3 bytes"), store.writer(size=3) as writer:
        writer.write(b"data")
    assert leftovers(store) == []


def test_shorter_than_announced(store: Store) -> None:
    with store.writer(size=4) as writer:
        writer.write(b"abc")
        with pytest.raises(InputError, match="4 were announced"):
            writer.commit()


def test_a_finished_writer_takes_no_more(store: Store) -> None:
    with store.writer() as writer:
        writer.commit()
        with pytest.raises(InternalError):
            writer.write(b"x")
        with pytest.raises(InternalError):
            writer.commit()


def test_foreign_files_among_the_blobs_are_ignored(store: Store) -> None:
    (store.root / "blobs" / "sha256" / "README").write_text("x")
    assert store.corrupt() == []


def test_verified_stream_is_a_plain_reader(store: Store) -> None:
    with store.open_verified(store.put(b"a\nb\n")) as stream:
        assert isinstance(stream, io.BufferedReader)
        assert not stream.seekable()
        assert list(stream) == [b"a\n", b"b\n"]
