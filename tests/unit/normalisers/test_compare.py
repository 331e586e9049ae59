"""What only comparing leaves out, and that nothing of it ships."""

from __future__ import annotations

import io
import shutil
import sqlite3
import struct
import subprocess
from pathlib import Path

import pytest
from normalising import EPOCH, matches, named, rewritten

from samebit.lock.model import NORMALISER_SET
from samebit.model.normalising import NO_CHOICES
from samebit.normalisers.compare import MOST_BYTES, comparing, equalising
from samebit.normalisers.protocol import Scope
from samebit.normalisers.registry import normaliser_set
from samebit.normalisers.selection import NormaliserSelection

PROGRAM = named("formats/pe-times")
DATABASE = named("formats/sqlite-counters")
ALL = comparing(NORMALISER_SET)


def found(path: bytes, a: bytes, b: bytes, folder: Path) -> str | None:
    one = equalising(path, io.BytesIO(a), io.BytesIO(b), ALL, epoch=EPOCH, scratch=folder)
    return one.name if one is not None else None


def database(file: Path, rows: int, removed: int) -> bytes:
    """Make a database in which other rows were before, and are no more."""
    with sqlite3.connect(file) as connection:
        # Debian's SQLite empties what is free, others leave it.
        connection.execute("pragma secure_delete = off")
        connection.execute("create table t (a, b)")
        connection.execute("create table old (a)")
        for number in range(removed):
            connection.execute("insert into old values (?)", (bytes([number]) * 4000,))
            connection.commit()
        connection.execute("drop table old")
        connection.executemany("insert into t values (?, ?)", ((n, n * n) for n in range(rows)))
    connection.close()
    return file.read_bytes()


def library(folder: Path) -> bytes:
    """Link a DLL with an export and a name for its debugging information."""
    (folder / "a.c").write_text("int one(void) { return 1; }")
    for command in (
        "gcc -c a.c -o a.o",
        "objcopy -O pe-x86-64 -R .note.gnu.property -R .eh_frame -R .comment a.o a.obj",
        "ld -m i386pep -shared -e one --export-all-symbols --build-id a.obj -o a.dll",
    ):
        subprocess.run(command.split(), cwd=folder, check=True)
    return (folder / "a.dll").read_bytes()


def test_a_database_differs_in_its_counters_and_free_pages(tmp_path: Path) -> None:
    one = database(tmp_path / "1", 40, 9)
    two = one[:24] + b"\0\1\2\3" + one[28:92] + b"\0\1\2\3" + one[96:]
    at = one.find(bytes([7]) * 3000)
    assert at > 0
    two = two[:at] + b"left" + two[at + 4 :]
    assert found(b"srv/app.db", one, two, tmp_path) == DATABASE.name
    new = rewritten(DATABASE, one)
    assert bytes([7]) * 3000 not in new
    (tmp_path / "new").write_bytes(new)
    with sqlite3.connect(tmp_path / "new") as connection:
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert connection.execute("select count(*), sum(b) from t").fetchall() == [(40, 20540)]
    connection.close()


def test_other_rows_are_a_difference(tmp_path: Path) -> None:
    one, two = database(tmp_path / "1", 40, 9), database(tmp_path / "2", 41, 9)
    assert found(b"srv/app.db", one, two, tmp_path) is None


@pytest.mark.parametrize("at", [16, 32, 36])
def test_a_damaged_database_stays(tmp_path: Path, at: int) -> None:
    data = database(tmp_path / "1", 40, 9)
    damaged = data[:at] + b"\xff\xff\xff\xfe" + data[at + 4 :]
    assert rewritten(DATABASE, damaged) == damaged
    assert rewritten(DATABASE, data[:600]) == data[:600]


@pytest.mark.skipif(shutil.which("objcopy") is None, reason="binutils is not installed")
def test_a_library_differs_in_its_times(tmp_path: Path) -> None:
    one = library(tmp_path)
    (header,) = struct.unpack_from("<I", one, 60)
    clock = one[header + 8 : header + 12]
    # In the header and in the exports; the build ID is computed of all.
    assert one.count(clock) == 2
    name = one.index(b"RSDS") + 4
    two = (one[:name] + bytes(range(16)) + one[name + 16 :]).replace(clock, b"\1\2\3\4")
    assert matches(PROGRAM, b"opt/a.dll", one)
    assert found(b"opt/a.dll", one, two, tmp_path) == PROGRAM.name
    other = two.replace(b"a.dll", b"b.dll")
    assert found(b"opt/a.dll", one, other, tmp_path) is None
    for cut in range(0, len(one), 50):
        assert len(rewritten(PROGRAM, one[:cut])) == cut


def test_what_images_lose_is_found_too(tmp_path: Path) -> None:
    assert found(b"var/log/dpkg.log", b"1", b"2", tmp_path) == "debian/dpkg-log"
    assert found(b"etc/machine-id", b"1" * 32, b"2" * 32, tmp_path) == "system/machine-id"
    assert found(b"etc/motd", b"1", b"2", tmp_path) is None


def test_large_files_are_not_read_again(tmp_path: Path) -> None:
    with (tmp_path / "large").open("w+b") as file:
        file.truncate(MOST_BYTES + 1)
        log = b"var/log/dpkg.log"
        small = io.BytesIO(b"")
        assert equalising(log, small, file, ALL, epoch=EPOCH, scratch=tmp_path) is None


def test_nothing_for_comparing_ships() -> None:
    own = [one for one in normaliser_set(NORMALISER_SET) if one.scope is Scope.COMPARE_ONLY]
    assert [one.name for one in own] == [PROGRAM.name, DATABASE.name]
    ships = NormaliserSelection.of(NORMALISER_SET, NO_CHOICES)
    for one in own:
        assert one not in ships.find(b"srv/file")
        assert one in ALL.find(b"srv/file")
