import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from samebit.debian.tree import read_tree
from samebit.errors import InputError
from samebit.image.entry import Entry, Kind


def _member(name: str, kind: bytes = tarfile.REGTYPE, **values: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for attribute, value in values.items():
        setattr(info, attribute, value)
    return info


@pytest.fixture
def archive(tmp_path: Path) -> Callable[..., Path]:
    def make(*members: tuple[tarfile.TarInfo, bytes]) -> Path:
        path = tmp_path / "tree.tar"
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for info, data in members:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return path

    return make


def _read(path: Path) -> tuple[list[Entry], dict[bytes, bytes]]:
    with read_tree(path, path.parent / "contents") as tree:
        contents = {}
        for entry in tree.entries:
            if entry.kind is Kind.FILE:
                with tree.open(entry) as stream:
                    contents[entry.path] = stream.read()
        return list(tree.entries), contents


def test_entries_come_in_the_order_of_whole_paths(archive: Callable[..., Path]) -> None:
    directory = tarfile.DIRTYPE
    entries, contents = _read(
        archive(
            (_member("./a/", directory, mode=0o755), b""),
            (_member("./a/file", mode=0o100644, uid=7, mtime=5), b"inner"),
            (_member("./a-b", mode=0o4755), b"outer"),
            (_member("./link", tarfile.SYMTYPE, linkname="a/file"), b""),
        )
    )
    assert [entry.path for entry in entries] == [b"", b"a", b"a-b", b"a/file", b"link"]
    assert entries[0] == Entry(b"", Kind.DIRECTORY, 0o755)
    assert entries[2].mode == 0o4755
    assert entries[3] == Entry(b"a/file", Kind.FILE, 0o644, uid=7, size=5)
    assert entries[4].link == b"a/file"
    assert contents == {b"a-b": b"outer", b"a/file": b"inner"}


def test_the_first_path_of_hard_links_carries_the_content(archive: Callable[..., Path]) -> None:
    entries, contents = _read(
        archive(
            (_member("./first"), b"before"),
            (_member("./z"), b"shared"),
            (_member("./b", tarfile.LNKTYPE, linkname="./z"), b""),
            (_member("./c", tarfile.LNKTYPE, linkname="z"), b""),
        )
    )
    assert [(entry.path, entry.kind, entry.link, entry.size) for entry in entries[1:]] == [
        (b"b", Kind.FILE, b"", 6),
        (b"c", Kind.HARDLINK, b"b", 0),
        (b"first", Kind.FILE, b"", 6),
        (b"z", Kind.HARDLINK, b"b", 0),
    ]
    assert contents == {b"b": b"shared", b"first": b"before"}


def test_a_link_to_what_is_dropped_becomes_the_file(archive: Callable[..., Path]) -> None:
    entries, contents = _read(
        archive(
            (_member("./var/log/x.log"), b"text"),
            (_member("./var/kept", tarfile.LNKTYPE, linkname="./var/log/x.log"), b""),
        )
    )
    assert [(entry.path, entry.kind) for entry in entries[1:]] == [(b"var/kept", Kind.FILE)]
    assert contents == {b"var/kept": b"text"}


def test_emptied_files_lose_content_and_nothing_else(archive: Callable[..., Path]) -> None:
    entries, contents = _read(archive((_member("./etc/machine-id", mode=0o444), b"0123")))
    assert entries[1] == Entry(b"etc/machine-id", Kind.FILE, 0o444)
    assert contents == {b"etc/machine-id": b""}


def test_only_capabilities_and_user_attributes_stay(archive: Callable[..., Path]) -> None:
    info = _member("./ping")
    info.pax_headers = {
        "SCHILY.xattr.user.b": "2",
        "SCHILY.xattr.security.selinux": "label",
        "SCHILY.xattr.user.a": "1",
    }
    entries, _ = _read(archive((info, b"")))
    assert entries[1].xattrs == ((b"user.a", b"1"), (b"user.b", b"2"))


def test_names_out_of_the_tree_are_refused(archive: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="climbs out"):
        _read(archive((_member("./a/../../b"), b"")))


def test_a_truncated_archive_is_refused(archive: Callable[..., Path]) -> None:
    path = archive((_member("./a"), b"content"))
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(InputError):
        _read(path)


def test_links_to_nothing_are_refused(archive: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="which it lacks"):
        _read(archive((_member("./a", tarfile.LNKTYPE, linkname="./b"), b"")))
