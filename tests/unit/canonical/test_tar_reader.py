from __future__ import annotations

import io
import os
import struct
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from samebit.canonical.pax import encode_records
from samebit.canonical.tar import END_OF_ARCHIVE, encode_header, padding
from samebit.canonical.tar_reader import Header, TarReader
from samebit.errors import InputError
from samebit.image.entry import Entry, Kind

END = END_OF_ARCHIVE


def chunked(data: bytes, size: int = 1000) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def read_all(data: bytes, size: int = 1000, **options: bool) -> list[tuple[Header, bytes]]:
    reader = TarReader(chunked(data, size), "layer", **options)
    return [(header, b"".join(iter(reader.read, b""))) for header in reader]


def block(name: bytes = b"f", flag: bytes = b"0", **fields: bytes) -> bytes:
    """One header with fields given raw, its checksum right unless given."""
    magic = fields.get("magic", b"ustar\x0000")
    packed = bytearray(
        struct.pack(
            "100s8s8s8s12s12s8s1s100s8s32s32s8s8s155s12s",
            name,
            fields.get("mode", b"0000644"),
            fields.get("uid", b"0000000"),
            fields.get("gid", b"0000000"),
            fields.get("size", b"00000000000"),
            fields.get("mtime", b"00000000000"),
            b" " * 8,
            flag,
            fields.get("link", b""),
            magic,
            fields.get("uname", b""),
            fields.get("gname", b""),
            fields.get("major", b"0000000"),
            fields.get("minor", b"0000000"),
            fields.get("prefix", b""),
            fields.get("tail", b""),
        )
    )
    packed[148:156] = fields.get("checksum", b"%06o\0 " % sum(packed))
    return bytes(packed)


def pax(records: list[tuple[bytes, bytes]], flag: bytes = b"x") -> bytes:
    data = encode_records(records)
    return block(b"pax", flag, size=b"%011o" % len(data)) + data + padding(len(data))


def long_name(flag: bytes, name: bytes) -> bytes:
    data = name + b"\0"
    return (
        block(b"././@LongLink", flag, size=b"%011o" % len(data), magic=b"ustar  \0")
        + data
        + padding(len(data))
    )


def header_of(data: bytes) -> Header:
    ((header, _),) = read_all(data + END)
    return header


def test_reads_what_the_writer_wrote() -> None:
    entry = Entry(
        b"d" * 160 + b"/f", Kind.FILE, 0o4755, 3_000_000, 7, 3, xattrs=((b"user.x", b"y"),)
    )
    data = encode_header(entry, 99) + b"abc" + padding(3)
    ((header, content),) = read_all(data + END)
    assert content == b"abc"
    assert header == Header(
        name=entry.path,
        kind=b"0",
        mode=0o4755,
        uid=3_000_000,
        gid=7,
        size=3,
        mtime_ns=99 * 10**9,
        link=b"",
        uname=b"",
        gname=b"",
        device=(0, 0),
        xattrs=entry.xattrs,
    )


@pytest.mark.parametrize("size", [1, 7, 511, 512, 513, 1 << 20])
def test_chunk_sizes_do_not_matter(size: int) -> None:
    data = b""
    for index in range(5):
        content = bytes([65 + index]) * (index * 300)
        data += encode_header(Entry(b"f%d" % index, Kind.FILE, 0o644, size=len(content)), 0)
        data += content + padding(len(content))
    assert read_all(data + END, size) == read_all(data + END, 1 << 20)


def test_content_that_is_not_read_is_skipped() -> None:
    data = block(b"a", size=b"00000001000") + bytes(512) + block(b"b") + END
    assert [header.name for header in TarReader(chunked(data), "layer")] == [b"a", b"b"]


def test_pax_overrides() -> None:
    header = header_of(
        pax(
            [
                (b"path", b"long/name"),
                (b"linkpath", b"target"),
                (b"uid", b"4000000"),
                (b"gid", b"5000000"),
                (b"mtime", b"12.5"),
                (b"uname", b"root"),
                (b"SCHILY.xattr.user.a", b"=\0\n"),
                (b"SCHILY.xattr.user.empty", b""),
                (b"gname", b""),
                (b"comment", b"ignored"),
            ]
        )
        + block(b"short", b"2", link=b"x", gname=b"wheel")
    )
    assert (header.name, header.link, header.uid, header.gid) == (
        b"long/name",
        b"target",
        4_000_000,
        5_000_000,
    )
    assert (header.mtime_ns, header.uname, header.gname) == (12_500_000_000, b"root", b"wheel")
    assert header.xattrs == ((b"user.a", b"=\0\n"), (b"user.empty", b""))


def test_pax_records_end_with_their_entry() -> None:
    data = pax([(b"path", b"x")]) + block(b"a") + block(b"b") + END
    assert [header.name for header, _ in read_all(data)] == [b"x", b"b"]


def test_pax_size() -> None:
    data = pax([(b"size", b"3")]) + block(b"a") + b"abc" + padding(3) + END
    assert read_all(data)[0][1] == b"abc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(b"0", 0), (b"-1.5", -1_500_000_000), (b"1.1234567899", 1_123_456_789), (b"7.", 7 * 10**9)],
)
def test_pax_times(text: bytes, expected: int) -> None:
    assert header_of(pax([(b"mtime", text)]) + block()).mtime_ns == expected


def test_gnu_long_names() -> None:
    name, link = b"n" * 300, b"l" * 600
    header = header_of(long_name(b"K", link) + long_name(b"L", name) + block(b"n", b"2", link=b"l"))
    assert (header.name, header.link) == (name, link)


def test_gnu_magic_has_no_prefix() -> None:
    assert header_of(block(b"a", magic=b"ustar  \0", prefix=b"0000")).name == b"a"


def test_star_has_a_shorter_prefix() -> None:
    header = header_of(
        block(b"a", prefix=b"p".ljust(131, b"\0") + b"1234567", tail=b"\0" * 8 + b"tar\0")
    )
    assert header.name == b"p/a"


def test_v7() -> None:
    file, directory = read_all(
        block(b"f", b"\0", magic=b"", uname=b"junk") + block(b"d/", b"\0", magic=b"") + END
    )
    assert (file[0].kind, file[0].uname, directory[0].kind) == (b"0", b"", b"5")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (b"0000017\0", 15),
        (b"     17 ", 15),
        (b"17\0     ", 15),
        (b"\0\0\0\0\0\0\0\0", 0),
        (b"\0\x0017\0\0\0\0", 15),
        (b"\x80\0\0\0\0\0\x01\0", 256),
    ],
)
def test_number_spellings(field: bytes, value: int) -> None:
    assert header_of(block(uid=field)).uid == value


def test_negative_base_256_time() -> None:
    assert header_of(block(mtime=b"\xff" * 12)).mtime_ns == -(10**9)


def test_signed_checksums_of_old_writers() -> None:
    good = block(b"caf\xe9\xff")
    total = sum(good[:148]) + sum(good[156:]) + 256 - 512
    assert header_of(block(b"caf\xe9\xff", checksum=b"%06o\0 " % total)).name == b"caf\xe9\xff"


@pytest.mark.parametrize("flag", [b"1", b"2", b"3", b"4", b"5", b"6"])
def test_sizes_of_entries_without_content_are_ignored_as_go_does(flag: bytes) -> None:
    found = read_all(block(b"a", flag, size=b"00000007777", link=b"x") + block(b"b") + END)
    assert [(header.size, content) for header, content in found] == [(0, b""), (0, b"")]


def test_end_marker_may_be_missing_when_another_check_covers_it() -> None:
    assert len(read_all(block(), strict_end=False)) == 1
    assert len(read_all(block() + bytes(512), strict_end=False)) == 1
    assert read_all(b"", strict_end=False) == []


def test_bytes_after_the_end_are_drained() -> None:
    source = chunked(block() + END + b"junk" * 1000)
    reader = TarReader(source, "layer")
    assert len(list(reader)) == 1
    assert reader.next() is None
    reader.drain()
    assert next(source, None) is None


SPARSE = {
    b"GNU.sparse.size": b"20",
    b"GNU.sparse.map": b"2,3,10,2",
}


@pytest.mark.parametrize(
    "data",
    [
        pax(list(SPARSE.items())) + block(size=b"00000000005") + b"abcde" + padding(5),
        pax(
            [
                (b"GNU.sparse.size", b"20"),
                (b"GNU.sparse.numblocks", b"2"),
                (b"GNU.sparse.offset", b"2"),
                (b"GNU.sparse.numbytes", b"3"),
                (b"GNU.sparse.offset", b"10"),
                (b"GNU.sparse.numbytes", b"2"),
            ]
        )
        + block(size=b"00000000005")
        + b"abcde"
        + padding(5),
        pax(
            [
                (b"GNU.sparse.major", b"1"),
                (b"GNU.sparse.minor", b"0"),
                (b"GNU.sparse.name", b"f"),
                (b"GNU.sparse.realsize", b"20"),
            ]
        )
        + block(b"GNUSparseFile.1/f", size=b"%011o" % 517)
        + b"2\n2\n3\n10\n2\n".ljust(512, b"\0")
        + b"abcde"
        + padding(5),
        block(
            flag=b"S",
            magic=b"ustar  \0",
            size=b"00000000005",
            prefix=bytes(41)
            + b"00000000002\x0000000000003\x0000000000012\x0000000000002\0"
            + bytes(49)
            + b"00000000024\0",
        )
        + b"abcde"
        + padding(5),
    ],
    ids=["0.1", "0.0", "1.0", "old"],
)
def test_sparse_forms(data: bytes) -> None:
    expected = b"\0\0abc" + bytes(5) + b"de" + bytes(8)
    for size in (1, 100, 1 << 20):
        first, second = read_all(data + block(b"next") + END, size)
        assert (first[0].name, first[0].size, first[1]) == (b"f", 20, expected)
        assert second[0].name == b"next"


@pytest.mark.parametrize(
    "options",
    [
        ["--format=gnu"],
        ["--format=pax", "--sparse-version=0.0"],
        ["--format=pax", "--sparse-version=0.1"],
        ["--format=pax", "--sparse-version=1.0"],
    ],
)
@pytest.mark.parametrize("regions", [0, 3, 60])
def test_sparse_files_of_gnu_tar(tmp_path: Path, options: list[str], regions: int) -> None:
    content = bytearray(4096 * 2 * regions + 1_000_000)
    with open(tmp_path / "f", "wb") as file:
        for index in range(regions):
            file.seek(4096 * (2 * index + 1))
            file.write(os.urandom(4096))
        file.truncate(len(content))
    done = subprocess.run(
        ["tar", "-cS", *options, "-C", tmp_path, "f"], capture_output=True, check=True
    )
    ((header, found),) = read_all(done.stdout, 4096)
    assert header.name == b"f"
    assert found == (tmp_path / "f").read_bytes()
    assert len(done.stdout) < len(content)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_reads_what_tarfile_wrote(form: int) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        info = tarfile.TarInfo("directory")
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
        name = "a/" * 70 + "name"
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.uid, info.mtime = 1234, 0o755, 1000, 77
        tar.addfile(info, io.BytesIO(b"x" * 1234))
        info = tarfile.TarInfo("link")
        info.type, info.linkname = tarfile.SYMTYPE, "t" * 90
        tar.addfile(info)
    found = read_all(buffer.getvalue())
    assert [header.name.rstrip(b"/") for header, _ in found] == [
        b"directory",
        name.encode(),
        b"link",
    ]
    assert found[1][1] == b"x" * 1234
    assert (found[1][0].mode, found[1][0].uid, found[1][0].mtime_ns) == (0o755, 1000, 77 * 10**9)
    assert found[2][0].link == b"t" * 90


def raw_pax(data: bytes, size: int) -> bytes:
    return block(flag=b"x", size=b"%011o" % size) + data.ljust(512, b"\0") + block() + END


def sparse_01(size: bytes, regions: bytes, stored: int = 0, flag: bytes = b"0") -> bytes:
    records = [(b"GNU.sparse.size", size), (b"GNU.sparse.map", regions)]
    return pax(records) + block(flag=flag, size=b"%011o" % stored) + bytes(512) + END


def sparse_10(data: bytes, major: bytes = b"1") -> bytes:
    records = [
        (b"GNU.sparse.major", major),
        (b"GNU.sparse.minor", b"0"),
        (b"GNU.sparse.realsize", b"1"),
    ]
    return pax(records) + block(size=b"00000001000") + data + END


HOSTILE = {
    "empty": (b"", "truncated"),
    "no end": (block(), "truncated"),
    "half an end": (block() + bytes(512), "truncated"),
    "lone zero block": (block() + bytes(512) + block() + END, "lone block"),
    "short header": (block()[:300], "truncated"),
    "short content": (block(size=b"00000001000") + bytes(100), "truncated"),
    "content runs past the end": (block(size=b"77777777777") + END, "truncated"),
    "checksum": (block(checksum=b"000000\0 ") + END, "checksum"),
    "flipped bit": (b"\x01" + block()[1:] + END, "checksum"),
    "garbage": (b"\x55" * 1024, "malformed number|checksum"),
    "octal 8": (block(uid=b"0000008") + END, "malformed number"),
    "sign": (block(uid=b"-000001") + END, "malformed number"),
    "underscore": (block(uid=b"00_0001") + END, "malformed number"),
    "negative size": (block(size=b"\xff" * 12) + END, "negative size"),
    "negative owner": (block(uid=b"\xff" * 8) + END, "negative uid"),
    "huge number": (block(size=b"\x80" + b"\xff" * 11) + END, "64 bits"),
    "odd base": (block(size=b"\x81" + b"\xff" * 11) + END, "malformed number"),
    "negative device": (block(flag=b"3", major=b"\xff" * 8) + END, "negative device"),
    "unknown type": (block(flag=b"Z") + END, "not supported"),
    "volume label": (block(flag=b"V") + END, "not supported"),
    "pax alone": (pax([(b"path", b"x")]) + END, "without its entry"),
    "pax then nothing": (pax([(b"path", b"x")]), "without its entry"),
    "huge pax": (block(flag=b"x", size=b"00010000000") + bytes(2 << 20) + END, "extended header"),
    "pax without length": (raw_pax(b"path=", 5), "without a length"),
    "pax length beyond": (raw_pax(b"99 path=x\n", 10), "malformed pax"),
    "pax length short": (raw_pax(b"02 path=x\n", 10), "malformed pax"),
    "pax no newline": (raw_pax(b"10 path=xy", 10), "malformed pax"),
    "pax no keyword": (raw_pax(b"5 =x\n", 5), "keyword"),
    "pax number": (pax([(b"size", b"1e3")]) + block() + END, "malformed number"),
    "pax negative": (pax([(b"uid", b"-1")]) + block() + END, "malformed number"),
    "pax time": (pax([(b"mtime", b"yesterday")]) + block() + END, "malformed number"),
    "global path": (pax([(b"path", b"x")], b"g") + block() + END, "do not agree"),
    "global xattr": (pax([(b"SCHILY.xattr.user.x", b"x")], b"g") + block() + END, "do not agree"),
    "sparse beyond": (sparse_01(b"4", b"0,5", 5), "longer than its file"),
    "sparse overlap": (sparse_01(b"9", b"0,3,2,2", 5), "out of order"),
    "sparse half": (sparse_01(b"9", b"0,3,2"), "half a region"),
    "sparse lie": (sparse_01(b"9", b"0,3", 5), "does not fit"),
    "sparse version": (sparse_10(bytes(512), b"2"), "unknown form"),
    "sparse directory": (sparse_01(b"9", b"", 0, b"5"), "not a file"),
    "sparse count": (sparse_10(b"999999999\n".ljust(512, b"\0")), "more than"),
    "sparse map past its file": (sparse_10(b"1\n".ljust(512, b"0")), "malformed sparse map"),
    "sparse map cut": (sparse_10(b"9\n".rjust(512, b"1")), "malformed number"),
    "sparse map without lines": (sparse_10(bytes(512)), "malformed sparse map"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile(name: str) -> None:
    data, message = HOSTILE[name]
    with pytest.raises(InputError, match=message) as caught:
        read_all(data)
    assert str(caught.value).startswith("layer: ")


def test_every_truncation_is_noticed() -> None:
    data = (
        pax([(b"path", b"x" * 200)])
        + block(b"x", size=b"00000000700")
        + b"c" * 512
        + block(b"d/", b"5")
        + END
    )
    for length in range(0, len(data), 64):
        with pytest.raises(InputError):
            read_all(data[:length])


def test_global_comments_are_read_past() -> None:
    data = pax([(b"comment", b"0123"), (b"mtime", b"5")], b"g") + block(b"a") + END
    assert [(h.name, h.mtime_ns) for h, _ in read_all(data)] == [(b"a", 0)]


def test_holes_cost_no_memory() -> None:
    data = pax([(b"GNU.sparse.size", b"%d" % 2**60), (b"GNU.sparse.map", b"")]) + block() + END
    reader = TarReader(chunked(data), "layer")
    header = reader.next()
    assert header is not None
    assert header.size == 2**60
    assert len(reader.read(1 << 30)) <= 1 << 20
    assert reader.next() is None
