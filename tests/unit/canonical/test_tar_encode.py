from __future__ import annotations

import hashlib
import io
import tarfile

import pytest

from samebit.canonical.tar import END_OF_ARCHIVE, encode_header, padding
from samebit.errors import InputError, InternalError
from samebit.image.entry import Entry, Kind

EPOCH = 315619200


def only(data: bytes, content: bytes = b"") -> tarfile.TarInfo:
    archive = data + content + padding(len(content)) + END_OF_ARCHIVE
    with tarfile.open(
        fileobj=io.BytesIO(archive), encoding="utf-8", errors="surrogateescape"
    ) as tar:
        (info,) = tar.getmembers()
        return info


def raw_name(info: tarfile.TarInfo) -> bytes:
    return info.name.encode("utf-8", "surrogateescape")


def test_plain_file_byte_for_byte() -> None:
    header = encode_header(Entry(b"etc/hosts", Kind.FILE, 0o644, uid=1, gid=2, size=5), EPOCH)
    expected = (
        b"etc/hosts".ljust(100, b"\0")
        + b"0000644\0"
        + b"0000001\0"
        + b"0000002\0"
        + b"00000000005\0"
        + b"02263773600\0"
        + b"011105\0 "
        + b"0"
        + bytes(100)
        + b"ustar\x0000"
        + bytes(64)
        + b"0000000\0"
        + b"0000000\0"
        + bytes(155 + 12)
    )
    assert header == expected


GOLDEN = {
    "file": (
        Entry(b"a", Kind.FILE, 0o644),
        "6716530037a2a5e9e467b641ef80fff67f7dd03f06095ec0be314baf7e36c865",
    ),
    "directory": (
        Entry(b"usr/bin", Kind.DIRECTORY, 0o1777, gid=5),
        "dc99b03cd8af447e3b18e367c29ca6aed6bc0ee8b843c9261e92ce1df2f62dbe",
    ),
    "root": (
        Entry(b"", Kind.DIRECTORY, 0o755),
        "a007e2e5e4d74ee40fce8230744872af67024e89c94f246113d034d81ebba2ad",
    ),
    "symlink": (
        Entry(b"bin", Kind.SYMLINK, 0o777, link=b"usr/bin"),
        "752e853e73f209dc5fdb0b63cccbde499da5c816902e585f312c6f3da0a64985",
    ),
    "hard link": (
        Entry(b"b", Kind.HARDLINK, 0o4755, link=b"a"),
        "e07770f7125403664f03a6033f3e139deb2db3cbdc976d10f2d895309de04ded",
    ),
    "device": (
        Entry(b"dev/null", Kind.CHARACTER, 0o666, device=(1, 3)),
        "7490b4645f271d524de40cdf9867345f77c2e2ad030adcf84b974e9b3e0b64e0",
    ),
    "block": (
        Entry(b"dev/sda", Kind.BLOCK, 0o660, gid=6, device=(8, 0)),
        "6ca0ba73a54c711321bbfbab98a462f3305ed0585f307b288f77a9c04802018b",
    ),
    "fifo": (
        Entry(b"pipe", Kind.FIFO, 0o600),
        "6a5e242be070d72b77911681b47f544e0ff1bb4ecd9849e72972d69ecd366367",
    ),
    "prefix": (
        Entry(b"d" * 155 + b"/" + b"f" * 100, Kind.FILE, 0o644),
        "e4149297ed576cbe7f8dc6b7349cbf332c12753b2f204ede358f25b5f0c0c461",
    ),
    "long": (
        Entry(b"f" * 101, Kind.FILE, 0o644),
        "40aecf2fdf9db39a6796029fd92f951b0567b40c640c5eb986ecd091555834a1",
    ),
    "long link": (
        Entry(b"l", Kind.SYMLINK, 0o777, link=b"t" * 101),
        "4154b4cd12ffe64c17cb05011b321e220945caa1e23885c54993e3598ec23611",
    ),
    "large ids": (
        Entry(b"a", Kind.FILE, 0o644, uid=2097152, gid=2**32 - 2),
        "45f8d769cbb96b80473e440bbdf6a7eb613793d8677d614f0ead8cc071abb578",
    ),
    "large": (
        Entry(b"a", Kind.FILE, 0o644, size=8 << 30),
        "d43703237043e5b5b2ba73268cda75f4f8625cf012fb9f20e9d0c02b05b8eb5f",
    ),
    "xattrs": (
        Entry(
            b"bin/ping",
            Kind.FILE,
            0o755,
            xattrs=(
                (b"security.capability", bytes.fromhex("0100000200200000000000000000000000000000")),
                (b"user.note", b""),
            ),
        ),
        "c3ce9a87047e7c53be6c1257e61399060d9421bfa12301ee1a84b224130dfc4e",
    ),
    "not UTF-8": (
        Entry(b"\xff" * 101, Kind.FILE, 0o644),
        "170306391cc2c068158cd65bb11f02ea43470fd12bee4c4e76c9423f00b3aa9a",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name: str) -> None:
    entry, digest = GOLDEN[name]
    assert hashlib.sha256(encode_header(entry, EPOCH)).hexdigest() == digest


@pytest.mark.parametrize(
    ("path", "blocks"),
    [
        (b"f" * 100, 1),
        (b"f" * 101, 3),
        (b"d" * 155 + b"/" + b"f" * 100, 1),
        (b"d" * 156 + b"/" + b"f" * 100, 3),
        (b"d" * 155 + b"/" + b"f" * 101, 3),
        (b"d" * 100 + b"/" + b"e" * 54 + b"/" + b"f" * 100, 1),
        (b"\xff" * 100, 1),
        ("é".encode() * 50, 1),
        (b"f" * 600, 4),
    ],
)
def test_pax_records_only_where_ustar_is_too_small(path: bytes, blocks: int) -> None:
    data = encode_header(Entry(path, Kind.FILE, 0o644), 0)
    assert len(data) == 512 * blocks
    assert raw_name(only(data)) == path


@pytest.mark.parametrize("length", [1, 98, 99, 100, 101, 155, 156, 200, 256, 300])
def test_directories_end_in_a_slash_within_the_limits(length: int) -> None:
    path = b"/".join([b"d" * 49] * 8)[:length].rstrip(b"/")
    info = only(encode_header(Entry(path, Kind.DIRECTORY, 0o755), 0))
    assert info.isdir()
    assert raw_name(info) == path


@pytest.mark.parametrize("limit", [2097151, 2097152, 2**32 - 2])
def test_owner_numbers(limit: int) -> None:
    data = encode_header(Entry(b"a", Kind.FILE, 0, uid=limit, gid=limit), 0)
    assert len(data) == (512 if limit < 2097152 else 1536)
    info = only(data)
    assert (info.uid, info.gid, info.uname, info.gname) == (limit, limit, "", "")


@pytest.mark.parametrize("size", [8 * 2**30 - 1, 8 * 2**30, 2**40])
def test_sizes(size: int) -> None:
    data = encode_header(Entry(b"a", Kind.FILE, 0, size=size), 0)
    assert len(data) == (512 if size < 8 * 2**30 else 1536)
    with tarfile.open(fileobj=io.BytesIO(data), mode="r|") as tar:
        first = tar.next()
    assert first is not None
    assert first.size == size


def test_raw_names_in_pax_records_are_marked() -> None:
    data = encode_header(Entry(b"\xff" * 101, Kind.FILE, 0o644), 0)
    assert b"21 hdrcharset=BINARY\n" in data
    assert b"hdrcharset" not in encode_header(Entry(b"f" * 101, Kind.FILE, 0o644), 0)


def test_records_are_sorted() -> None:
    entry = Entry(
        b"p" * 101,
        Kind.FILE,
        0o644,
        uid=3_000_000,
        xattrs=((b"user.a", b"1"), (b"user.b", b"\0\n=")),
    )
    info = only(encode_header(entry, 0))
    assert list(info.pax_headers) == ["SCHILY.xattr.user.a", "SCHILY.xattr.user.b", "path", "uid"]
    assert info.pax_headers["SCHILY.xattr.user.b"] == "\0\n="


@pytest.mark.parametrize(
    ("entry", "mtime"),
    [
        (Entry(b"a\0b", Kind.FILE, 0), 0),
        (Entry(b"a", Kind.SYMLINK, 0, link=b"\0"), 0),
        (Entry(b"a", Kind.FILE, 0), -1),
        (Entry(b"a", Kind.FILE, 0), 8**11),
        (Entry(b"a", Kind.FILE, 0, uid=2**32 - 1), 0),
        (Entry(b"a", Kind.CHARACTER, 0, device=(1, 8**7)), 0),
        (Entry(b"a", Kind.FILE, 0, xattrs=((b"user.a=b", b""),)), 0),
        (Entry(b"a", Kind.FILE, 0, xattrs=((b"user.a", bytes(1 << 20)),)), 0),
    ],
)
def test_what_no_reader_gives_back_is_refused(entry: Entry, mtime: int) -> None:
    with pytest.raises(InputError):
        encode_header(entry, mtime)


@pytest.mark.parametrize(
    "entry",
    [
        Entry(b"a", Kind.FILE, 0o100644),
        Entry(b"a", Kind.FILE, -1),
        Entry(b"a", Kind.FILE, 0, uid=-1),
        Entry(b"a", Kind.DIRECTORY, 0, size=1),
        Entry(b"a", Kind.SYMLINK, 0),
        Entry(b"a", Kind.FILE, 0, link=b"x"),
        Entry(b"a", Kind.FILE, 0, device=(1, 1)),
        Entry(b"", Kind.FILE, 0),
    ],
)
def test_entries_that_are_not_canonical_are_our_bug(entry: Entry) -> None:
    with pytest.raises(InternalError):
        encode_header(entry, 0)


def test_padding() -> None:
    assert [len(padding(n)) for n in (0, 1, 511, 512, 513)] == [0, 511, 1, 0, 511]
