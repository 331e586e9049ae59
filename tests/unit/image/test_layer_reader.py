from __future__ import annotations

import gzip
import io
import tarfile
from dataclasses import replace

import pytest
import zstandard

from samebit.canonical.pax import encode_records
from samebit.canonical.tar import END_OF_ARCHIVE, encode_header, padding
from samebit.errors import InputError, InternalError
from samebit.image.entry import Entry, Kind
from samebit.image.layer_reader import Limits, Member, open_layer
from samebit.model.descriptor import (
    DOCKER_LAYER_GZIP,
    OCI_CONFIG,
    OCI_LAYER,
    OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD,
)
from samebit.model.digest import Digest

FILE = Entry(b"d/f", Kind.FILE, 0o644, uid=5, size=5, xattrs=((b"user.a", b"b"),))
PLAIN = (
    encode_header(Entry(b"d", Kind.DIRECTORY, 0o755), 7)
    + encode_header(FILE, 7)
    + b"hello"
    + padding(5)
    + encode_header(Entry(b"l", Kind.SYMLINK, 0o777, link=b"../x"), 7)
    + END_OF_ARCHIVE
)


def read(
    data: bytes,
    media_type: str = OCI_LAYER,
    diff_id: Digest | None = None,
    limits: Limits | None = None,
) -> list[tuple[Member, bytes]]:
    members = open_layer(
        io.BytesIO(data),
        media_type,
        what="layer x",
        diff_id=diff_id,
        limits=limits or Limits(),
    )
    return [(member, b"".join(iter(member.content.read, b""))) for member in members]


def paths(data: bytes) -> list[bytes]:
    return [member.entry.path for member, _ in read(data)]


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def named(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info, b""


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PLAIN, OCI_LAYER),
        (gzip.compress(PLAIN), OCI_LAYER_GZIP),
        (gzip.compress(PLAIN), DOCKER_LAYER_GZIP),
        (gzip.compress(PLAIN[:700]) + gzip.compress(PLAIN[700:]), OCI_LAYER_GZIP),
        (zstandard.compress(PLAIN), OCI_LAYER_ZSTD),
        (zstandard.compress(PLAIN[:700]) + zstandard.compress(PLAIN[700:]), OCI_LAYER_ZSTD),
    ],
)
def test_every_compression(data: bytes, media_type: str) -> None:
    directory, file, link = read(data, media_type, Digest.of(PLAIN))
    assert directory[0].entry == Entry(b"d", Kind.DIRECTORY, 0o755)
    assert file == (file[0], b"hello")
    assert (file[0].entry, file[0].mtime_ns) == (FILE, 7 * 10**9)
    assert link[0].entry.link == b"../x"


def test_other_media_types_are_refused() -> None:
    with pytest.raises(InputError, match="layer x is not a layer of a file tree"):
        read(PLAIN, OCI_CONFIG)


def test_names_are_relative_to_the_root() -> None:
    data = tar(
        named("./", tarfile.DIRTYPE),
        named("./a/", tarfile.DIRTYPE),
        named("/b//c/./d"),
        named("e/", tarfile.DIRTYPE),
    )
    assert paths(data) == [b"", b"a", b"b/c/d", b"e"]


def test_duplicates_come_in_the_archive_s_order() -> None:
    data = tar((named("a")[0], b"1"), (named("./a")[0], b"2"))
    assert [content for _, content in read(data)] == [b"1", b"2"]


def test_modes_and_xattrs_are_reduced_to_what_is_kept() -> None:
    info = named("a")[0]
    info.pax_headers = {
        "SCHILY.xattr.user.z": "1",
        "SCHILY.xattr.user.b": "2",
        "SCHILY.xattr.security.selinux": "s",
        "SCHILY.xattr.system.posix_acl_access": "acl",
    }
    link = named("l", tarfile.SYMTYPE, "x")[0]
    link.mode = 0o644
    ((file, _), (symlink, _)) = read(tar((info, b""), (link, b"")))
    assert file.entry.xattrs == ((b"user.b", b"2"), (b"user.z", b"1"))
    assert file.acls == ((b"system.posix_acl_access", b"acl"),)
    assert (symlink.entry.mode, symlink.header.mode) == (0o777, 0o644)


def test_file_type_bits_of_old_engines_are_no_mode() -> None:
    header = bytearray(encode_header(Entry(b"a", Kind.FILE, 0o644), 0))
    header[100:107] = b"0100644"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    ((file, _),) = read(bytes(header) + END_OF_ARCHIVE)
    assert (file.entry.mode, file.header.mode) == (0o644, 0o100644)


def test_readinto_and_skipping() -> None:
    iterator = open_layer(io.BytesIO(PLAIN), OCI_LAYER, what="x")
    next(iterator)
    member = next(iterator)
    buffer = bytearray(3)
    assert member.content.readinto(memoryview(buffer)) == 3
    assert buffer == b"hel"
    next(iterator)
    with pytest.raises(InternalError):
        member.content.read()


def test_a_wrong_diff_id_is_found_at_the_end() -> None:
    with pytest.raises(InputError, match="layer x: its content has the diff ID sha256:"):
        read(PLAIN, diff_id=Digest.of(b"other"))


def test_the_diff_id_covers_what_follows_the_archive() -> None:
    data = PLAIN + b"more" * 100_000
    assert len(read(data, diff_id=Digest.of(data))) == 3
    with pytest.raises(InputError, match="diff ID"):
        read(data + b"!", diff_id=Digest.of(data))


def test_the_end_marker_may_be_missing_only_under_a_diff_id() -> None:
    data = PLAIN[:-1024]
    assert len(read(data, diff_id=Digest.of(data))) == 3
    with pytest.raises(InputError, match="end of the archive"):
        read(data)


def pax_named(records: list[tuple[bytes, bytes]], kind: Kind = Kind.FILE) -> bytes:
    data = encode_records(records)
    link = b"l" if kind in (Kind.SYMLINK, Kind.HARDLINK) else b""
    first = bytearray(encode_header(Entry(b"x", Kind.FILE, 0, size=len(data)), 0))
    first[156:157] = b"x"
    first[148:156] = b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    return (
        bytes(first) + data + padding(len(data)) + encode_header(Entry(b"f", kind, 0, link=link), 0)
    ) + END_OF_ARCHIVE


HOSTILE = {
    "..": (tar(named("../etc/passwd")), "climbs out"),
    "inner ..": (tar(named("a/../../b")), "climbs out"),
    "even harmless ..": (tar(named("a/../b")), "climbs out"),
    "absolute ..": (tar(named("/../b")), "climbs out"),
    "hard link ..": (tar(named("a", tarfile.LNKTYPE, "../b")), "climbs out"),
    "hard link to root": (tar(named("a", tarfile.LNKTYPE, "/")), "itself or the root"),
    "hard link to itself": (tar(named("./a", tarfile.LNKTYPE, "a")), "itself or the root"),
    "root is a file": (tar(named("./")), "replaces the root"),
    "root is a link": (tar(named("/", tarfile.SYMTYPE, "x")), "replaces the root"),
    "symlink to nothing": (tar(named("a", tarfile.SYMTYPE)), "symlink to nothing"),
    "NUL": (pax_named([(b"path", b"a\0b")]), "no file can have"),
    "NUL in a symlink": (pax_named([(b"linkpath", b"a\0b")], Kind.SYMLINK), "symlink to nothing"),
    "long name": (tar(named("n" * 256)), "no file can have"),
    "long path": (tar(named("n/" * 2050)), "no file can have"),
    "capability": (
        pax_named([(b"SCHILY.xattr.security.capability", b"x")]),
        "malformed file capabilities",
    ),
    "truncated gzip": (gzip.compress(PLAIN)[:-12], "gzip data"),
    "damaged gzip": (gzip.compress(PLAIN)[:60] + b"\xff" * 40 + bytes(99), "gzip data|truncated"),
    "garbage after gzip": (gzip.compress(PLAIN) + b"junk", "gzip data"),
    "truncated zstd": (zstandard.compress(PLAIN)[:-3], "zstd data"),
    "not an archive": (b"hello" * 1000, "malformed number|checksum"),
    "empty": (b"", "truncated"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    data, message = HOSTILE[name]
    with pytest.raises(InputError, match=message) as caught:
        read(data)
    assert "layer x" in str(caught.value)


LIMITS = Limits(content=1000, holes=100, names=2000, entries=20)


@pytest.mark.parametrize(
    "data",
    [
        tar((named("a")[0], bytes(600)), (named("b")[0], bytes(600))),
        tar(*[named(f"f{number}") for number in range(21)]),
        tar(*[named("n" * 200) for number in range(10)]),
        pax_named([(b"GNU.sparse.size", b"101"), (b"GNU.sparse.map", b"")]),
        pax_named([(b"SCHILY.xattr.user.x", b"x" * 3000)]),
    ],
    ids=["content", "entries", "names", "holes", "xattrs"],
)
def test_limits(data: bytes) -> None:
    read(data)
    with pytest.raises(InputError, match=r"layer x: .*(limits|more than 20)"):
        read(data, limits=LIMITS)


def test_a_size_beyond_the_limit_is_refused_before_it_is_read() -> None:
    header = encode_header(replace(FILE, size=1 << 50), 0)
    with pytest.raises(InputError, match="limits allow"):
        read(header)


def test_a_layer_of_zeros_needs_little_memory() -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as out:
        out.write(encode_header(Entry(b"z", Kind.FILE, 0, size=1 << 27), 0))
        for _ in range(128):
            out.write(bytes(1 << 20))
        out.write(END_OF_ARCHIVE)
    packed.seek(0)
    total = 0
    for member in open_layer(packed, OCI_LAYER_GZIP, what="x"):
        while data := member.content.read():
            assert len(data) <= 1 << 20
            total += len(data)
    assert total == 1 << 27
