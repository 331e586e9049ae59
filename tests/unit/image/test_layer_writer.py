from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from samebit.errors import InputError, InternalError
from samebit.image.entry import Entry, Kind
from samebit.image.layer_writer import Layer, write_layer
from samebit.image.whiteout import removed_path, whiteout
from samebit.model.descriptor import OCI_LAYER_GZIP
from samebit.store.store import Store

EPOCH = 315619200
CONTENT = {
    b"a": b"A" * 700,
    b"d/big": bytes(range(256)) * 10_000,
    b"d/empty": b"",
    b"\xc3\xa9": b"x",
}
TREE = [
    Entry(b"", Kind.DIRECTORY, 0o755),
    Entry(b"a", Kind.FILE, 0o644, size=700),
    Entry(b"d", Kind.DIRECTORY, 0o2755, gid=8),
    whiteout(b"d/gone"),
    Entry(b"d/big", Kind.FILE, 0o4755, uid=1000, size=2_560_000),
    Entry(b"d/empty", Kind.FILE, 0o600),
    Entry(b"d/link", Kind.HARDLINK, 0o644, link=b"a"),
    Entry(b"d/null", Kind.CHARACTER, 0o666, device=(1, 3)),
    Entry(b"d/pipe", Kind.FIFO, 0o600),
    Entry(b"d-e", Kind.SYMLINK, 0o777, link=b"d/big"),
    Entry(b"\xc3\xa9", Kind.FILE, 0o644, size=1),
]
TREE.sort(key=lambda entry: entry.path)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def content(entry: Entry) -> io.BytesIO:
    return io.BytesIO(CONTENT[entry.path])


def write(store: Store, entries: list[Entry], threads: int = 1) -> Layer:
    return write_layer(entries, content, EPOCH, store, threads)


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_golden_digests(store: Store, threads: int) -> None:
    layer = write(store, TREE, threads)
    assert layer.descriptor.media_type == OCI_LAYER_GZIP
    assert layer.diff_id.hex == "aef309eebddb0f159f213b635a306753a92f0c24104392e7138a2c4e68fd57c5"
    assert (
        layer.descriptor.digest.hex
        == "91dee55a15d06b650cdc2afc6942cb61aa0e5681d57e917b1488898ed248635b"
    )
    assert layer.entries == len(TREE)


def test_tarfile_reads_the_layer(store: Store) -> None:
    layer = write(store, TREE)
    packed = store.read(layer.descriptor.digest)
    assert len(packed) == layer.descriptor.size
    plain = gzip.decompress(packed)
    assert hashlib.sha256(plain).hexdigest() == layer.diff_id.hex
    assert len(plain) == layer.size
    assert plain.endswith(bytes(1024))
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        found = {info.name.encode(): info for info in tar}
        names = [name.lstrip(b"./") for name in found]
        assert names == [entry.path for entry in TREE]
        assert {info.mtime for info in found.values()} == {EPOCH}
        assert {(info.uname, info.gname) for info in found.values()} == {("", "")}
        big = tar.extractfile(found[b"d/big"])
        assert big is not None
        assert big.read() == CONTENT[b"d/big"]
        gone = found[b"d/.wh.gone"]
        assert (gone.size, gone.mode, gone.uid, gone.isreg()) == (0, 0, 0, True)
        assert found[b"d/link"].islnk()


def test_no_entries_are_still_an_archive(store: Store) -> None:
    layer = write(store, [])
    assert gzip.decompress(store.read(layer.descriptor.digest)) == bytes(1024)


def test_reads_unbuffered_files(store: Store, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(CONTENT[b"a"])
    entries = [Entry(b"a", Kind.FILE, 0o644, size=700)]
    layer = write_layer(
        entries,
        lambda entry: io.FileIO(tmp_path / os.fsdecode(entry.path)),
        EPOCH,
        store,
        1,
    )
    assert layer == write(store, entries)


def test_whiteout_names() -> None:
    assert whiteout(b"a").path == b".wh.a"
    assert whiteout(b"d/e/f").path == b"d/e/.wh.f"
    assert removed_path(b"d/e/.wh.f") == b"d/e/f"
    assert removed_path(b"d/.wh.x/f") is None
    assert removed_path(b".wh..wh..opq") is None
    assert whiteout(b"a") != Entry(b".wh.a", Kind.FILE, 0)


@pytest.mark.parametrize("kind", [Kind.FILE, Kind.DIRECTORY])
def test_real_files_named_like_whiteouts_are_refused(store: Store, kind: Kind) -> None:
    with pytest.raises(InputError, match=r"/d/\.wh\.x.*'\.wh\.'"):
        write(store, [Entry(b"d", Kind.DIRECTORY, 0), Entry(b"d/.wh.x", kind, 0)])
    assert store.corrupt() == []


@pytest.mark.parametrize(("size", "message"), [(699, "now more"), (701, "now 700")])
def test_a_file_that_changes_while_read_is_an_error(store: Store, size: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        write(store, [Entry(b"a", Kind.FILE, 0, size=size)])
    assert os.listdir(store.root / "blobs/sha256") == []


def test_an_unreadable_file_is_named(store: Store, tmp_path: Path) -> None:
    def vanished(entry: Entry) -> io.FileIO:
        return io.FileIO(tmp_path / os.fsdecode(entry.path))

    with pytest.raises(InputError, match="/a: No such file"):
        write_layer([Entry(b"a", Kind.FILE, 0)], vanished, 0, store, 1)


@pytest.mark.parametrize(
    "entries",
    [
        [Entry(b"b", Kind.FIFO, 0), Entry(b"a", Kind.FIFO, 0)],
        [Entry(b"a", Kind.FIFO, 0), Entry(b"a", Kind.FIFO, 0)],
        [Entry(b"d/f", Kind.FIFO, 0)],
        [Entry(b"d", Kind.FIFO, 0), Entry(b"d/f", Kind.FIFO, 0)],
        [Entry(b"/f", Kind.FIFO, 0)],
        [Entry(b"..", Kind.DIRECTORY, 0)],
        [Entry(b".", Kind.DIRECTORY, 0)],
        [Entry(b"d", Kind.DIRECTORY, 0), Entry(b"d//f", Kind.FIFO, 0)],
        [Entry(b"d", Kind.DIRECTORY, 0), Entry(b"d/", Kind.FIFO, 0)],
        [Entry(b"a", Kind.HARDLINK, 0, link=b"b")],
        [Entry(b"d", Kind.DIRECTORY, 0), Entry(b"l", Kind.HARDLINK, 0, link=b"d")],
        [
            Entry(b"a", Kind.FIFO, 0),
            Entry(b"b", Kind.HARDLINK, 0, link=b"a", xattrs=((b"user.x", b""),)),
        ],
        [Entry(b"s", Kind.SYMLINK, 0o755, link=b"x")],
        [whiteout(b"a"), Entry(b"a", Kind.FIFO, 0)],
        [whiteout(b"l"), Entry(b"a", Kind.FIFO, 0), Entry(b"l", Kind.HARDLINK, 0, link=b"a")],
        [whiteout(b"a"), Entry(b"a", Kind.DIRECTORY, 0)],
    ],
)
def test_entries_out_of_form_are_our_bug(store: Store, entries: list[Entry]) -> None:
    with pytest.raises(InternalError):
        write(store, entries)
    assert os.listdir(store.root / "blobs/sha256") == []
