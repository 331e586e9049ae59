from __future__ import annotations

import sqlite3
from pathlib import Path

from normalising import EPOCH, facts_of, named, rewritten

HISTORY = named("rpm/dnf-history")
LOG = named("rpm/dnf-history-log")
INDEX = named("rpm/dnf-history-index")
PATH = b"var/lib/dnf/history.sqlite"


def history(path: Path, *times: int) -> bytes:
    connection = sqlite3.connect(path)
    connection.execute(
        "CREATE TABLE trans (id INTEGER PRIMARY KEY AUTOINCREMENT, dt_begin INTEGER NOT NULL,"
        " dt_end INTEGER, rpmdb_version_begin TEXT, rpmdb_version_end TEXT, releasever TEXT,"
        " user_id INTEGER, cmdline TEXT, state INTEGER, comment TEXT)"
    )
    for number, when in enumerate(times):
        connection.execute(
            "INSERT INTO trans (dt_begin, dt_end, cmdline, state) VALUES (?, ?, ?, 1)",
            (when, when + 3, f"install p{number}"),
        )
    connection.commit()
    connection.close()
    return path.read_bytes()


def test_times_become_the_epoch_and_reasons_stay(tmp_path: Path) -> None:
    new = rewritten(HISTORY, history(tmp_path / "1", 1795614580, 1795614590), PATH)
    assert new == rewritten(HISTORY, history(tmp_path / "2", 1795699999, 1795700001), PATH)
    (tmp_path / "3").write_bytes(new)
    connection = sqlite3.connect(tmp_path / "3")
    rows = connection.execute("SELECT dt_begin, dt_end, cmdline FROM trans").fetchall()
    connection.close()
    assert rows == [(EPOCH, EPOCH, "install p0"), (EPOCH, EPOCH, "install p1")]


def test_transactions_of_the_base_stay(tmp_path: Path) -> None:
    base = history(tmp_path / "1", 1700000000)
    data = history(tmp_path / "2", 1700000000, 1795614590)
    new = rewritten(HISTORY, data, PATH, facts_of(PATH, data, base={PATH: base}))
    (tmp_path / "3").write_bytes(new)
    connection = sqlite3.connect(tmp_path / "3")
    assert connection.execute("SELECT dt_begin FROM trans").fetchall() == [
        (1700000000,),
        (EPOCH,),
    ]
    connection.close()


def test_a_log_that_dnf_left_moves_into_the_database(tmp_path: Path) -> None:
    def left(name: str, when: int) -> dict[bytes, bytes]:
        """Give the files of a database that was never closed."""
        path = tmp_path / name
        history(path, when)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute(
            "INSERT INTO trans (dt_begin, dt_end, cmdline, state) VALUES (?, ?, 'remove', 1)",
            (when + 70, when + 71),
        )
        connection.commit()
        found = {
            PATH + end: Path(f"{path}{end.decode()}").read_bytes()
            for end in (b"", b"-wal", b"-shm")
        }
        connection.close()
        assert found[PATH + b"-wal"]
        return found

    def cleaned(files: dict[bytes, bytes]) -> list[bytes]:
        return [
            rewritten(one, files[path], path, facts_of(path, files[path], layer=dict(files)))
            for one, path in ((HISTORY, PATH), (LOG, PATH + b"-wal"), (INDEX, PATH + b"-shm"))
        ]

    files = left("1", 1795614580)
    database, log, index = cleaned(files)
    assert [database, log, index] == cleaned(left("2", 1795699999))
    assert log == b""
    assert index == bytes(len(files[PATH + b"-shm"]))
    (tmp_path / "3").write_bytes(database)
    (tmp_path / "3-wal").write_bytes(log)
    (tmp_path / "3-shm").write_bytes(index)
    connection = sqlite3.connect(tmp_path / "3")
    rows = connection.execute("SELECT dt_begin, dt_end, cmdline FROM trans").fetchall()
    assert rows == [(EPOCH, EPOCH, "install p0"), (EPOCH, EPOCH, "remove")]
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def test_what_is_not_understood_stays(tmp_path: Path) -> None:
    data = history(tmp_path / "1", 1795614580)
    facts = facts_of(PATH, data, layer={PATH + b"-wal": b"x"})
    assert rewritten(HISTORY, data, PATH, facts) == data
    assert rewritten(LOG, b"x", PATH + b"-wal", facts_of(PATH + b"-wal", b"x")) == b"x"
    other = data.replace(b"comment TEXT", b"commen, TEXT")
    assert len(other) == len(data)
    assert rewritten(HISTORY, data[:-1], PATH) == data[:-1]
