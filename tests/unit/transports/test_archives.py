from __future__ import annotations

import contextlib
import gzip
import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from samebit.errors import InputError, UsageError
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.store.store import Store
from samebit.transports import archive, oci_archive, output
from samebit.transports.archive import open_archive
from samebit.transports.layout_source import read_file

Make = Callable[..., Descriptor]
Member = tuple[str, bytes | str, bytes]


def tar(path: Path, *members: Member, form: int = tarfile.GNU_FORMAT) -> Path:
    """Write members given as (name, content or link target, type flag)."""
    with tarfile.open(path, "w", format=form) as out:
        for name, content, kind in members:
            member = tarfile.TarInfo(name)
            member.type = kind
            if isinstance(content, str):
                member.linkname = content
                out.addfile(member)
            else:
                member.size = len(content)
                out.addfile(member, io.BytesIO(content))
    return path


FILE, HARD, SYM = tarfile.REGTYPE, tarfile.LNKTYPE, tarfile.SYMTYPE


def contents(path: Path, store: Store, *names: str) -> list[bytes]:
    with open_archive(path, store, "test archive") as found:
        return [read_file(found, name, 1 << 20) for name in names]


def test_round_trip(tmp_path: Path, store: Store, other: Store, make: Make) -> None:
    made = make(store, "one", "two")
    oci_archive.save(store, made, tmp_path / "o.tar", "v")
    image = oci_archive.load(tmp_path / "o.tar", other, None, name="v")
    assert image.descriptor == made
    for digest in (made.digest, image.manifest.config.digest, image.manifest.layers[1].digest):
        assert other.read(digest) == store.read(digest)
    assert sorted(os.listdir(other.root / "blobs/sha256")) == sorted(
        os.listdir(store.root / "blobs/sha256")
    )


def test_same_image_same_bytes(tmp_path: Path, store: Store, other: Store, make: Make) -> None:
    made = make(store, "one", "two")
    oci_archive.save(store, made, tmp_path / "a.tar", "v")
    oci_archive.load(tmp_path / "a.tar", other, None)
    os.umask(os.umask(0o077))
    oci_archive.save(other, made, tmp_path / "b.tar", "v")
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()


def test_members_are_plain_and_sorted(tmp_path: Path, store: Store, make: Make) -> None:
    oci_archive.save(store, make(store, "one"), tmp_path / "o.tar")
    with tarfile.open(tmp_path / "o.tar") as found:
        members = found.getmembers()
    names = [member.name for member in members]
    assert names == sorted(names)
    assert names[:2] == ["blobs", "blobs/sha256"]
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", 0)}
    assert {m.mode for m in members if m.isfile()} == {0o644}


@pytest.mark.parametrize(
    "pack", [lambda data: gzip.compress(data, 1), zstandard.ZstdCompressor().compress]
)
def test_compressed_as_a_whole(
    tmp_path: Path, store: Store, other: Store, make: Make, pack: Callable[[bytes], bytes]
) -> None:
    made = make(store, "one")
    oci_archive.save(store, made, tmp_path / "o.tar")
    (tmp_path / "o.tar.x").write_bytes(pack((tmp_path / "o.tar").read_bytes()))
    assert oci_archive.load(tmp_path / "o.tar.x", other, None).descriptor == made
    assert os.listdir(other.root / "tmp") == []


def test_names_and_links_inside(tmp_path: Path, store: Store) -> None:
    path = tar(
        tmp_path / "a.tar",
        ("./dir/", b"", tarfile.DIRTYPE),
        ("./dir/x", b"x", FILE),
        ("y" * 300, b"y", FILE),
        ("dir/sym", "../z/../dir/x", SYM),
        ("hard", "dir/sym", HARD),
        ("loop", "loop", SYM),
        ("dangling", "nothing", SYM),
        ("empty", b"", FILE),
    )
    assert contents(path, store, "dir/x", "y" * 300, "dir/sym", "hard", "empty") == [
        b"x",
        b"y",
        b"x",
        b"x",
        b"",
    ]
    with pytest.raises(InputError, match="leads nowhere"):
        contents(path, store, "loop")
    with pytest.raises(InputError, match="lacks"):
        contents(path, store, "dangling")
    assert contents(tar(path, ("n" * 300, b"1", FILE), form=tarfile.PAX_FORMAT), store, "n" * 300)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([("../x", b"x", FILE)], "leads out of the archive"),
        ([("a/../../x", b"x", FILE)], "leads out of the archive"),
        ([("/etc/x", b"x", FILE)], "absolute"),
        ([("a", b"1", FILE), ("a", b"2", FILE)], "holds b'a' twice"),
        ([("a", b"1", FILE), ("./a", b"2", FILE)], "holds b'a' twice"),
        ([("b/../a", b"1", FILE), ("a", "x", SYM)], "holds b'a' twice"),
        ([("a", "/etc/shadow", SYM)], "absolute"),
        ([("a/b", "../../x", SYM)], "leads out"),
        ([("a", "../x", HARD)], "leads out"),
        ([("a", b"", tarfile.CHRTYPE)], "neither a file nor a link"),
        ([("a", b"", tarfile.FIFOTYPE)], "neither a file nor a link"),
    ],
)
def test_hostile_archives(
    tmp_path: Path, store: Store, members: list[Member], message: str
) -> None:
    path = tar(tmp_path / "a.tar", *members)
    with pytest.raises(InputError, match=message):
        contents(path, store)
    assert sorted(os.listdir(tmp_path)) == ["a.tar", "store"]
    assert os.listdir(store.root / "tmp") == []


def test_every_truncation_is_an_error(tmp_path: Path, store: Store) -> None:
    path = tar(tmp_path / "a.tar", ("a", b"x" * 600, FILE), ("b", b"y" * 600, FILE))
    whole = path.read_bytes()
    for end in [*range(1, 3072, 37), 1024, 1536, 2048, 2559, 3000]:
        path.write_bytes(whole[:end])
        with contextlib.suppress(InputError):
            assert contents(path, store, "a", "b") == [b"x" * 600, b"y" * 600]
            assert end >= 2648, "a truncated file was read"
    path.write_bytes(whole[:2100])
    with pytest.raises(InputError, match="truncated inside b'b'"):
        contents(path, store, "a")
    path.write_bytes(b"")
    with pytest.raises(InputError, match="lacks"):
        contents(path, store, "a")


@pytest.mark.parametrize(
    "form", ["--format=gnu", *(f"--sparse-version={version}" for version in ("0.0", "0.1", "1.0"))]
)
def test_a_sparse_file_is_refused(tmp_path: Path, store: Store, form: str) -> None:
    with open(tmp_path / "holes", "wb") as file:
        file.write(b"start")
        file.truncate(1 << 20)
    (tmp_path / "next").write_bytes(bytes(2 << 20))
    pax = [] if form == "--format=gnu" else ["--format=pax"]
    command = ["tar", "-C", tmp_path, *pax, form, "--sparse", "-cf", tmp_path / "a.tar"]
    subprocess.run([*command, "holes", "next"], check=True)
    with pytest.raises(InputError, match="sparse"):
        contents(tmp_path / "a.tar", store, "holes")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(data=st.binary(max_size=2000), at=st.integers(0, 5000), flip=st.integers(1, 255))
def test_no_bytes_make_it_fail_otherwise(
    tmp_path: Path, store: Store, data: bytes, at: int, flip: int
) -> None:
    path = tmp_path / "fuzz.tar"
    path.write_bytes(data)
    with contextlib.suppress(InputError):
        oci_archive.load(path, store, None)
    tar(path, ("oci-layout", b'{"imageLayoutVersion":"1.0.0"}', FILE), ("index.json", b"{}", FILE))
    whole = bytearray(path.read_bytes())
    whole[at % len(whole)] ^= flip
    path.write_bytes(whole)
    with contextlib.suppress(InputError):
        oci_archive.load(path, store, None)


def test_a_bomb_is_refused(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_FREE_OUTPUT", 1 << 20)
    (tmp_path / "bomb").write_bytes(gzip.compress(bytes(64 << 20), 9))
    with pytest.raises(InputError, match="decompression bomb"):
        contents(tmp_path / "bomb", store)
    assert os.listdir(store.root / "tmp") == []


def test_too_many_members(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "_MAX_MEMBERS", 10)
    path = tar(tmp_path / "a.tar", *[(str(number), b"", FILE) for number in range(11)])
    with pytest.raises(InputError, match="more than 10 members"):
        contents(path, store)


def test_what_is_no_archive(tmp_path: Path, store: Store) -> None:
    with pytest.raises(InputError, match="No such file"):
        oci_archive.load(tmp_path / "absent", store, None)
    with pytest.raises(InputError, match="not a file"):
        oci_archive.load(tmp_path, store, None)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(InputError, match="not a file"):
        oci_archive.load(tmp_path / "fifo", store, None)
    (tmp_path / "text").write_text("hello " * 200)
    with pytest.raises(InputError):
        oci_archive.load(tmp_path / "text", store, None)


def test_a_failing_output_leaves_the_old_one(tmp_path: Path, store: Store, make: Make) -> None:
    made = make(store, "one")
    path = tmp_path / "o.tar"
    path.write_text("old")
    blob = store.path(made.digest).parent / min(os.listdir(store.root / "blobs/sha256"))
    store.path(Digest(blob.name)).write_bytes(b"x" * blob.stat().st_size)
    with pytest.raises(InputError):
        oci_archive.save(store, made, path)
    assert path.read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == ["o.tar", "store"]


def test_outputs_replace_files_and_nothing_else(tmp_path: Path, store: Store, make: Make) -> None:
    made = make(store, "one")
    (tmp_path / "dir").mkdir()
    with pytest.raises(UsageError, match="not a file"):
        oci_archive.save(store, made, tmp_path / "dir")
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    oci_archive.save(store, made, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").stat().st_size > 1000
    oci_archive.save(store, made, tmp_path / "new" / "deep" / "o.tar")
    assert (tmp_path / "new/deep/o.tar").read_bytes() == (tmp_path / "real").read_bytes()


def test_sizes_found_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with output.tar_output(tmp_path / "o.tar") as out:
        out.add("a", b"first")
        assert out.add_unsized("b", iter([b"x" * 700, b"y" * 5]))
        monkeypatch.setattr(output, "_USTAR_SIZE", 100)
        assert not out.add_unsized("c", iter([b"z" * 60, b"z" * 60]))
        out.add_stream("c", 120, iter([b"z" * 120]))
        with pytest.raises(InputError, match="announced"):
            out.add_stream("d", 0, iter([b"z"]))
    with tarfile.open(tmp_path / "o.tar") as found:
        sizes = {member.name: member.size for member in found.getmembers()}
        assert sizes == {"a": 5, "b": 705, "c": 120, "d": 0}
        content = found.extractfile("b")
        assert content is not None
        assert content.read() == b"x" * 700 + b"y" * 5
