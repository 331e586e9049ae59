from __future__ import annotations

import gzip
import io
import os
import subprocess
import tarfile
import zlib
from pathlib import Path

import pytest
from normalising import EPOCH, facts_of, matches, named, rewritten
from strip_oracle import agree

from samebit.formats import tar_gz

GZIP = named("formats/gzip")
EXTRA, NAME, COMMENT, CHECK = 4, 8, 16, 2


def member(data: bytes, *, clock: int = 0, flags: int = 0, fields: bytes = b"") -> bytes:
    body = zlib.compressobj(wbits=-15)
    head = b"\x1f\x8b\x08" + bytes([flags]) + clock.to_bytes(4, "little") + b"\x02\x03" + fields
    end = zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
    return head + body.compress(data) + body.flush() + end


def test_time_and_name_go() -> None:
    first = member(b"text", clock=1_700_000_000, flags=NAME, fields=b"tmpab12\0")
    second = member(b"text", clock=1_750_000_000, flags=NAME, fields=b"tmpzz99\0")
    assert agree(GZIP, (first, second), "a.gz", "gzip") == member(b"text")


def test_other_fields_are_kept() -> None:
    fields = b"\x04\0abcd" + b"name\0" + b"comment\0" + b"\x12\x34"
    data = member(b"text", clock=9, flags=EXTRA | NAME | COMMENT | CHECK, fields=fields)
    kept = member(b"text", flags=EXTRA | COMMENT, fields=b"\x04\0abcd" + b"comment\0")
    assert rewritten(GZIP, data) == kept
    assert gzip.decompress(kept) == b"text"


def test_every_member_of_several() -> None:
    trap = b"\x1f\x8b\x08\x08ABCD\x02\x03name\0" * 3
    parts = [b"one", trap, b"", b"four" * 100_000]
    data = b"".join(member(part, clock=7, flags=NAME, fields=b"n\0") for part in parts)
    result = rewritten(GZIP, data)
    assert result == b"".join(member(part) for part in parts)
    # Bytes that look like a header, stored in the data, stay.
    stored = zlib.compressobj(0, wbits=-15)
    body = stored.compress(trap) + stored.flush()
    end = zlib.crc32(trap).to_bytes(4, "little") + len(trap).to_bytes(4, "little")
    data = b"\x1f\x8b\x08\0\x07\0\0\0\x02\x03" + body + end
    assert gzip.decompress(rewritten(GZIP, data)) == trap


def test_gzip_itself_reads_the_result(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("hello")
    subprocess.run(["gzip", "-9", "report"], cwd=tmp_path, check=True)
    path = tmp_path / "report.gz"
    path.write_bytes(rewritten(GZIP, path.read_bytes()))
    subprocess.run(["gzip", "-dN", "report.gz"], cwd=tmp_path, check=True)
    assert (tmp_path / "report").read_text() == "hello"


def archive(clock: float, form: int = tarfile.PAX_FORMAT, mode: str = "w") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode, format=form) as made:  # type: ignore[call-overload]
        for name in ("b", "a", "n" * 150):
            info = tarfile.TarInfo(name)
            info.mtime, info.size, info.uid, info.mode = clock, 5, 1000, 0o664  # type: ignore[assignment]
            made.addfile(info, io.BytesIO(b"hello"))
    return buffer.getvalue()


def test_a_tar_archive_inside_is_normalised() -> None:
    first = gzip.compress(archive(1_700_000_000.25), mtime=1)
    second = gzip.compress(archive(1_750_000_000), mtime=2)
    result = rewritten(GZIP, first, b"a.tar.gz")
    assert result == rewritten(GZIP, second, b"a.tgz")
    with tarfile.open(fileobj=io.BytesIO(result)) as made:
        assert [info.name for info in made] == ["b", "a", "n" * 150]
        assert {info.mtime for info in made} == {EPOCH}
        assert {(info.uid, info.mode) for info in made} == {(1000, 0o664)}
    inflater = zlib.decompressobj(wbits=31)
    inflater.decompress(result)
    assert inflater.eof
    assert not inflater.unused_data, "one member: not every reader takes more"


def test_an_archive_of_before_posix_inside_is_normalised(tmp_path: Path) -> None:
    def packed(clock: int) -> bytes:
        (tmp_path / "a").write_text("hello")
        os.utime(tmp_path / "a", (clock, clock))
        command = ["tar", "--format=v7", "-czf", "-", "a"]
        return subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout

    result = rewritten(GZIP, packed(1_700_000_000), b"a.tar.gz")
    assert result == rewritten(GZIP, packed(1_750_000_000), b"a.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(result)) as made:
        assert [(info.name, info.mtime) for info in made] == [("a", EPOCH)]
    text = gzip.compress(b"hello, no archive".ljust(600), mtime=0)
    assert rewritten(GZIP, text, b"a.gz") == text


def test_data_stays_where_only_the_header_is_noise() -> None:
    content = rewritten(named("formats/tar"), archive(5))
    data = gzip.compress(content, mtime=9)
    assert rewritten(GZIP, data) == data[:4] + bytes(4) + data[8:]


def test_too_large_to_compress_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tar_gz, "MAX_CONTENT", 4096)
    data = gzip.compress(archive(1_700_000_000), mtime=9)
    facts = facts_of(b"a.tgz", data)
    assert rewritten(GZIP, data, b"a.tgz", facts) == data
    assert facts.remarks


@pytest.mark.parametrize(
    "data",
    [
        b"\x1f\x8b\x08",
        b"\x1f\x8b\x08\xe0" + bytes(20),
        b"\x1f\x8b\x08\x08" + bytes(6) + b"endless",
        b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xffshort",
        member(b"text"),
    ],
)
def test_what_must_not_change(data: bytes) -> None:
    assert rewritten(GZIP, data) == data


def test_packages_of_alpine_are_signed() -> None:
    assert not matches(GZIP, b"a.apk", member(b"x", clock=3))
    assert matches(GZIP, b"a.gz", member(b"x", clock=3))
