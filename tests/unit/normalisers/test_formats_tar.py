from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from normalising import EPOCH, facts_of, matches, named, rewritten

TAR = named("formats/tar")
OLD = named("formats/tar-old")
FORMATS = {"pax": tarfile.PAX_FORMAT, "gnu": tarfile.GNU_FORMAT, "ustar": tarfile.USTAR_FORMAT}


def archive(clock: float, form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as made:
        for name, kind in (("d", tarfile.DIRTYPE), ("d/b", b"0"), ("d/l", tarfile.LNKTYPE)):
            info = tarfile.TarInfo(name)
            info.type = kind
            info.mtime = clock  # type: ignore[assignment]
            info.uid, info.mode, info.uname = 1000, 0o664, "me"
            info.linkname = "d/b" if kind == tarfile.LNKTYPE else ""
            info.size = 700 if kind == b"0" else 0
            made.addfile(info, io.BytesIO(b"x" * info.size))
    return buffer.getvalue()


@pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
def test_times_go_and_nothing_else(form: int) -> None:
    first = archive(1_700_000_000.5 if form == tarfile.PAX_FORMAT else 1_700_000_000, form)
    result = rewritten(TAR, first)
    assert result == rewritten(TAR, archive(1_750_000_000, form))
    assert result == archive(EPOCH, form)


@pytest.mark.parametrize("form", ["posix", "gnu", "ustar", "oldgnu", "v7"])
def test_gnu_tar(tmp_path: Path, form: str) -> None:
    def packed(day: str) -> bytes:
        folder = tmp_path / f"{form}-{day}"
        (folder / "d").mkdir(parents=True)
        (folder / "d/file").write_text("content" * 100)
        (folder / "d" / ("n" * (90 if form == "v7" else 99))).write_text("long")
        (folder / "d/link").symlink_to("file")
        subprocess.run(
            ["touch", "-d", f"2026-{day}T01:02:03.123456789", folder / "d/file"], check=True
        )
        command = ["tar", f"--format={form}", "--sort=name", "-cf", "o.tar", "d"]
        subprocess.run(command, cwd=folder, check=True)
        return (folder / "o.tar").read_bytes()

    first, second = packed("01-01"), packed("02-02")
    assert matches(TAR if form != "v7" else OLD, b"o.tar", first)
    assert matches(TAR, b"o.tar", first) is (form != "v7")
    assert not matches(OLD, b"o.tar", b"x" + first[1:])
    assert not matches(OLD, b"o.bin", first)
    result = rewritten(TAR, first)
    assert result == rewritten(TAR, second)
    assert len(result) % 10240 == 0
    (tmp_path / "o.tar").write_bytes(result)
    subprocess.run(["tar", "-xf", "o.tar"], cwd=tmp_path, check=True)
    assert (tmp_path / "d/file").stat().st_mtime == EPOCH
    assert (tmp_path / "d/file").read_text() == "content" * 100
    listed = subprocess.run(["tar", "-tf", "o.tar"], cwd=tmp_path, check=True, capture_output=True)
    assert len(listed.stdout.split()) == 4
    assert not listed.stderr


def test_process_numbers_in_names_of_pax_headers_go() -> None:
    def fixed(text: bytes) -> bytes:
        blocks = [text[at : at + 512] for at in range(0, len(text), 512)]
        for number, block in enumerate(blocks):
            if block.startswith(b"././@PaxHeader"):
                name = b"./PaxHeaders.4321/f".ljust(100, b"\0")
                new = name + block[100:148] + b" " * 8 + block[156:]
                blocks[number] = new[:148] + b"%06o\0 " % sum(new) + new[156:]
        return b"".join(blocks)

    original = archive(1_700_000_000.5)
    renamed = fixed(original)
    assert b"PaxHeaders.4321" in renamed
    # All its records are times, so that the header itself goes.
    assert rewritten(TAR, renamed) == rewritten(TAR, original)


def test_names_that_go_1_7_put_where_gnu_tar_has_times() -> None:
    def header(field: bytes) -> bytes:
        block = archive(1_700_000_000, tarfile.GNU_FORMAT)[:345] + field.ljust(167, b"\0")
        block = block[:148] + b" " * 8 + block[156:]
        return block[:148] + b"%06o\0 " % sum(block) + block[156:] + bytes(1024)

    assert b"a/long/prefix" in rewritten(TAR, header(b"a/long/prefix"))
    assert b"1" * 11 not in rewritten(TAR, header((b"1" * 11 + b"\0") * 2))


def test_records_that_are_no_times_stay() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as made:
        info = tarfile.TarInfo("ä" * 80)
        info.mtime = 1_700_000_000.75  # type: ignore[assignment]
        info.pax_headers = {"atime": "1.5", "SCHILY.xattr.user.a": "b"}
        made.addfile(info)
    with tarfile.open(fileobj=io.BytesIO(rewritten(TAR, buffer.getvalue()))) as made:
        (info,) = made.getmembers()
        assert info.name == "ä" * 80
        assert info.mtime == EPOCH
        assert info.pax_headers.keys() == {"path", "SCHILY.xattr.user.a"}


@pytest.mark.parametrize(
    "data",
    [
        archive(5)[:1000],
        archive(5)[:700],
        archive(5).replace(b"d/b", b"d/c", 1),
        bytes(1024),
        bytes(257) + b"ustar" + bytes(250),
    ],
)
def test_what_must_not_change(data: bytes) -> None:
    assert rewritten(TAR, data) == data


def test_packages_are_left_alone() -> None:
    data = archive(5)
    assert rewritten(TAR, data, b"x.gem") == data
    facts = facts_of(b"a.tar", data, layer={b"a.tar.sha256": b""})
    assert rewritten(TAR, data, b"a.tar", facts) == data
