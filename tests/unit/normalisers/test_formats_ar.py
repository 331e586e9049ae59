from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from normalising import matches, named, rewritten
from strip_oracle import stripped

AR = named("formats/ar")


def library(folder: Path, clock: int, flags: str = "qcU") -> bytes:
    folder.mkdir()
    names = ["a.o", "a-name-longer-than-sixteen-bytes.o", "odd.o"]
    for number, name in enumerate(names):
        (folder / name).write_bytes(b"x" * (10 + number))
        (folder / name).chmod(0o664 if number else 0o755)
        os.utime(folder / name, (clock, clock))
    subprocess.run(["ar", flags, "lib.a", *names], cwd=folder, check=True)
    return (folder / "lib.a").read_bytes()


def test_times_owners_and_modes_go(tmp_path: Path) -> None:
    first, second = library(tmp_path / "1", 1_700_000_000), library(tmp_path / "2", 1_750_000_000)
    assert first != second
    result = rewritten(AR, first)
    assert result == rewritten(AR, second)
    assert result == stripped(first, "lib.a", "ar", None)
    assert len(result) == len(first)


def test_an_archive_that_ar_made_deterministic_stays(tmp_path: Path) -> None:
    data = library(tmp_path / "1", 1_700_000_000, "qcD")
    assert rewritten(AR, data) == data


def test_members_come_out_as_they_went_in(tmp_path: Path) -> None:
    (tmp_path / "lib.a").write_bytes(rewritten(AR, library(tmp_path / "1", 1_700_000_000)))
    listed = subprocess.run(["ar", "t", "lib.a"], cwd=tmp_path, check=True, capture_output=True)
    assert listed.stdout.split() == [b"a.o", b"a-name-longer-than-sixteen-bytes.o", b"odd.o"]
    subprocess.run(["ar", "x", "lib.a"], cwd=tmp_path, check=True)
    assert (tmp_path / "odd.o").read_bytes() == b"x" * 12


def test_thin_archives(tmp_path: Path) -> None:
    first = library(tmp_path / "1", 1_700_000_000, "qcUT")
    second = library(tmp_path / "2", 1_750_000_000, "qcUT")
    assert first.startswith(b"!<thin>\n")
    assert matches(AR, b"lib.a", first)
    assert rewritten(AR, first) == rewritten(AR, second)
    (tmp_path / "1/lib.a").write_bytes(rewritten(AR, first))
    listed = subprocess.run(
        ["ar", "p", "lib.a", "odd.o"], cwd=tmp_path / "1", check=True, capture_output=True
    )
    assert listed.stdout == b"x" * 12


def member(name: bytes, data: bytes, clock: int = 1_700_000_000) -> bytes:
    header = b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (name, clock, 1000, 1000, 0o100644, len(data))
    return header + data + b"\n" * (len(data) % 2)


def test_symbol_tables_of_bsd_are_as_new_as_their_archive() -> None:
    data = b"!<arch>\n" + member(b"__.SYMDEF SORTED", b"1234") + member(b"#1/12", b"a long name.xy")
    result = rewritten(AR, data)
    assert result[8:68] == b"__.SYMDEF SORTED315619200   0     0     644     4         `\n"
    assert result[72:132] == b"#1/12           0           0     0     644     14        `\n"
    long = b"!<arch>\n" + member(b"#1/20", b"__.SYMDEF".ljust(20, b"\0"))
    assert b"315619200" in rewritten(AR, long)


@pytest.mark.parametrize(
    "data",
    [
        b"!<arch>\n" + member(b"debian-binary", b"2.0\n") + member(b"control.tar.xz", b"x"),
        b"!<arch>\n" + member(b"a/", b"x" * 99)[:-40],
        b"!<arch>\n" + member(b"a/", b"x").replace(b"`\n", b"``"),
        b"!<arch>\n" + member(b"a/", b"x").replace(b"1700000000", b"1700000000")[:30],
        b"!<arch>\n",
    ],
)
def test_what_must_not_change(data: bytes) -> None:
    assert rewritten(AR, data) == data
