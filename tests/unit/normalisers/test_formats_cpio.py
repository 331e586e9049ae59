from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from normalising import EPOCH, matches, named, rewritten
from strip_oracle import stripped

CPIO = named("formats/cpio")


def packed(folder: Path, clock: int, form: str) -> bytes:
    folder.mkdir()
    for name in ("z-first-takes-an-inode", "a", "b"):
        (folder / name).write_text(name)
    os.link(folder / "a", folder / "hard")
    (folder / "soft").symlink_to("a")
    for name in ("a", "b"):
        os.utime(folder / name, (clock, clock))
    return subprocess.run(
        ["cpio", "--quiet", "-o", "-H", form],
        input=b"a\nb\nhard\nsoft\n",
        cwd=folder,
        check=True,
        capture_output=True,
    ).stdout


@pytest.mark.parametrize("form", ["newc", "crc", "odc"])
def test_times_and_inodes_go(tmp_path: Path, form: str) -> None:
    first = packed(tmp_path / "1", 1_700_000_000, form)
    second = packed(tmp_path / "2", 1_750_000_000, form)
    result = rewritten(CPIO, first)
    assert matches(CPIO, b"initrd", first)
    assert first != second
    assert result == rewritten(CPIO, second)
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["cpio", "--quiet", "-idm"], input=result, cwd=out, check=True)
    assert (out / "a").read_text() == "a"
    assert (out / "a").stat().st_mtime == EPOCH
    assert (out / "hard").samefile(out / "a")
    assert not (out / "b").samefile(out / "a")


def test_what_strip_nondeterminism_makes_equal(tmp_path: Path) -> None:
    first = packed(tmp_path / "1", 1_700_000_000, "newc")
    for name in ("a", "b", "soft"):
        os.utime(tmp_path / "1" / name, (5, 5), follow_symlinks=False)
    second = subprocess.run(
        ["cpio", "--quiet", "-o", "-H", "newc"],
        input=b"a\nb\nhard\nsoft\n",
        cwd=tmp_path / "1",
        check=True,
        capture_output=True,
    ).stdout
    assert first != second
    assert stripped(first, "a.cpio", "cpio") == stripped(second, "a.cpio", "cpio")
    assert rewritten(CPIO, first) == rewritten(CPIO, second)


def test_what_follows_the_archive_is_kept(tmp_path: Path) -> None:
    data = packed(tmp_path / "1", 1_700_000_000, "newc")
    tail = b"\x1f\x8b the compressed archive behind microcode"
    assert rewritten(CPIO, data + tail) == rewritten(CPIO, data) + tail


def test_what_must_not_change(tmp_path: Path) -> None:
    data = packed(tmp_path / "1", 1_700_000_000, "newc")
    for damaged in (data[:200], data.replace(b"070701", b"070709"), b"070701" + b"g" * 200):
        assert rewritten(CPIO, damaged) == damaged
