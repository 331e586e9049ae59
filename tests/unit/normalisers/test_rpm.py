from __future__ import annotations

import io
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import time
from pathlib import Path

import pytest
from normalising import EPOCH, facts_of, named, rewritten

from samebit.formats.sqlite_file import NotSqliteError, SqliteFile, apply_wal

RPMDB = named("rpm/rpmdb")
LOG = named("rpm/rpmdb-log")
INDEX = named("rpm/rpmdb-index")
PATH = b"var/lib/rpm/rpmdb.sqlite"
WAL = PATH + b"-wal"


def header(name: bytes, installed: int, size: int = 40) -> bytes:
    """Make a header as rpm stores it: counts, fields, data (docs/manual/hregions.md)."""
    data = name.ljust(size, b"\0") + struct.pack(">III", installed, installed, 7)
    fields = [
        (1000, 6, 0, 1),
        (1008, 4, size, 1),
        (1128, 4, size + 4, 1),
        (1009, 4, size + 8, 1),
    ]
    head = struct.pack(">II", len(fields), len(data))
    return head + b"".join(struct.pack(">IIiI", *field) for field in fields) + data


def database(path: Path, times: dict[bytes, int], *, deleted: int = 0, size: int = 40) -> bytes:
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)"
        )
        connection.execute("CREATE TABLE Installtid (key BLOB, hnum INTEGER, idx INTEGER)")
        connection.execute("CREATE TABLE Name (key TEXT, hnum INTEGER, idx INTEGER)")
        connection.execute("CREATE INDEX name_key ON Name(key)")
        for name, when in times.items():
            cursor = connection.execute(
                "INSERT INTO Packages (blob) VALUES (?)", (header(name, when, size),)
            )
            row = cursor.lastrowid
            connection.execute(
                "INSERT INTO Installtid VALUES (?, ?, 0)", (struct.pack("<I", when), row)
            )
            connection.execute("INSERT INTO Name VALUES (?, ?, 0)", (name.decode(), row))
        if deleted:
            noise = random.Random(deleted).randbytes(9000)
            connection.execute("INSERT INTO Packages VALUES (9999, ?)", (noise,))
            connection.commit()
            connection.execute("DELETE FROM Packages WHERE hnum = 9999")
            connection.execute("UPDATE sqlite_sequence SET seq = 5")
    connection.close()
    return path.read_bytes()


def contents(data: bytes, path: Path) -> list[tuple[object, ...]]:
    path.write_bytes(data)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows = [
        row
        for table in ("Packages", "Installtid", "Name")
        for row in connection.execute(f"SELECT * FROM {table} ORDER BY hnum")
    ]
    connection.close()
    return rows


@pytest.mark.parametrize("size", [40, 4500, 20_000])
def test_installation_times_become_the_epoch(tmp_path: Path, size: int) -> None:
    names = [b"p%d" % number for number in range(60)]
    one = database(tmp_path / "1", dict.fromkeys(names, 1795614580), deleted=1, size=size)
    two = database(tmp_path / "2", dict.fromkeys(names, 1795699999), deleted=2, size=size)
    assert one != two
    new = rewritten(RPMDB, one, PATH)
    assert new == rewritten(RPMDB, two, PATH)
    wanted = database(tmp_path / "3", dict.fromkeys(names, EPOCH), size=size)
    assert contents(new, tmp_path / "4") == contents(wanted, tmp_path / "5")


def test_packages_of_the_base_keep_their_times(tmp_path: Path) -> None:
    base = database(tmp_path / "b", {b"old": 1700000000})
    data = database(tmp_path / "d", {b"old": 1700000000, b"new": 1795614580})
    facts = facts_of(PATH, data, base={PATH: base})
    new = rewritten(RPMDB, data, PATH, facts)
    wanted = database(tmp_path / "w", {b"old": 1700000000, b"new": EPOCH})
    assert contents(new, tmp_path / "4") == contents(wanted, tmp_path / "5")


@pytest.fixture
def logged(tmp_path: Path) -> tuple[bytes, bytes]:
    """A database whose last changes are in its write-ahead log only."""
    database(tmp_path / "x", {b"one": 1795614580})
    connection = sqlite3.connect(tmp_path / "x", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    for number in range(3):
        connection.execute("UPDATE Name SET key = ?", (f"name{number}",))
    found = (tmp_path / "x").read_bytes(), (tmp_path / "x-wal").read_bytes()
    connection.close()
    return found


def test_the_log_moves_into_the_database(logged: tuple[bytes, bytes], tmp_path: Path) -> None:
    data, log = logged
    facts = facts_of(PATH, data, layer={WAL: log})
    new = rewritten(RPMDB, data, PATH, facts)
    assert contents(new, tmp_path / "n")[-1][0] == "name2"
    about = facts_of(WAL, log, layer={PATH: data})
    assert rewritten(LOG, log, WAL, about) == b""


def test_a_log_that_is_not_sound_stays(logged: tuple[bytes, bytes]) -> None:
    data, log = logged
    for bad in (log[:-1], log[:40] + b"\xff" + log[41:], log[:-9] + b"\xff" + log[-8:], b"x" * 99):
        facts = facts_of(PATH, data, layer={WAL: bad})
        assert rewritten(RPMDB, data, PATH, facts) == data
        about = facts_of(WAL, bad, layer={PATH: data})
        assert rewritten(LOG, bad, WAL, about) == bad
    unchanged = facts_of(WAL, log, base={PATH: data})
    assert rewritten(LOG, log, WAL, unchanged) == log


def test_shared_memory_becomes_zero() -> None:
    assert rewritten(INDEX, b"\1\2" * 9, PATH + b"-shm") == bytes(18)


def test_damaged_databases_stay_and_never_fail(tmp_path: Path) -> None:
    data = database(tmp_path / "d", {b"p%d" % n: 1795614580 for n in range(80)}, deleted=3)
    chance = random.Random(1)
    for _ in range(100):
        bad = bytearray(data)
        for _ in range(chance.randrange(1, 6)):
            page = chance.randrange(len(bad) // 4096) * 4096
            bad[page + chance.choice([chance.randrange(120), chance.randrange(4096)])] = (
                chance.randrange(256)
            )
        rewritten(RPMDB, bytes(bad), PATH)
        rewritten(RPMDB, bytes(bad[: chance.randrange(len(bad))]), PATH)


def test_auto_vacuum_is_not_handled(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "v")
    connection.execute("PRAGMA auto_vacuum = FULL")
    connection.execute("CREATE TABLE t (a)")
    connection.commit()
    connection.close()
    data = (tmp_path / "v").read_bytes()
    with pytest.raises(NotSqliteError):
        SqliteFile(io.BytesIO(data), len(data))


def test_applying_a_log_agrees_with_sqlite(logged: tuple[bytes, bytes], tmp_path: Path) -> None:
    data, log = logged
    file = io.BytesIO(data)
    size = apply_wal(file, len(data), io.BytesIO(log), len(log))
    (tmp_path / "o").write_bytes(data)
    (tmp_path / "o-wal").write_bytes(log)
    connection = sqlite3.connect(tmp_path / "o")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert file.getvalue()[:size] == (tmp_path / "o").read_bytes()


def test_rpm_answers_the_same(tmp_path: Path) -> None:
    if shutil.which("rpmbuild") is None or shutil.which("rpm") is None:
        pytest.skip("rpm is not installed")
    specs = Path(__file__).parents[2] / "corpus" / "rpm-database"
    environment = {**os.environ, "HOME": str(tmp_path)}

    def run(*command: str) -> str:
        return subprocess.run(
            command, env=environment, check=True, capture_output=True, text=True
        ).stdout

    run("rpmbuild", "-bb", "--define", f"_topdir {tmp_path}/b", *map(str, specs.glob("*.spec")))
    packages = sorted(str(path) for path in tmp_path.glob("b/RPMS/*/*.rpm"))
    folder = tmp_path / "var/lib/rpm"
    at = ("rpm", "--dbpath", str(folder))
    for package in packages:
        before = time.time()
        run(*at, "-i", "--nodeps", "--justdb", package)
        assert time.time() >= before
    questions = [("-qa",), ("-q", "--whatprovides", "one"), ("-ql", "two"), ("-qR", "one")]
    answers = [run(*at, *question) for question in questions]
    assert "two-1-1.noarch" in answers[0]
    verified = run(*at, "-V", "--nofiles", "one", "two")
    data = (folder / "rpmdb.sqlite").read_bytes()
    log = (folder / "rpmdb.sqlite-wal").read_bytes()
    new = rewritten(RPMDB, data, PATH, facts_of(PATH, data, layer={WAL: log}))
    assert new != data
    (folder / "rpmdb.sqlite").write_bytes(new)
    (folder / "rpmdb.sqlite-wal").write_bytes(b"")
    shared = folder / "rpmdb.sqlite-shm"
    shared.write_bytes(bytes(len(shared.read_bytes())))
    assert [run(*at, *question) for question in questions] == answers
    assert run(*at, "-V", "--nofiles", "one", "two") == verified
    assert run(*at, "-q", "--qf", "%{INSTALLTIME} %{INSTALLTID}\n", "one") == f"{EPOCH} {EPOCH}\n"
    assert run(*at, "-q", "--querybynumber", "1") == "one-1-1.noarch\n"
    tid = ("-q", "--tid", str(EPOCH), "--qf", "%{NAME}\n")
    assert sorted(run(*at, *tid).split()) == ["one", "two"]
    run(*at, "-e", "--justdb", "one")
    assert run(*at, "-qa") == "two-1-1.noarch\n"
