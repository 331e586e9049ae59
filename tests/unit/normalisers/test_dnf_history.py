from __future__ import annotations

import sqlite3
from pathlib import Path

from normalising import EPOCH, facts_of, named, rewritten

HISTORY = named("rpm/dnf-history")
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


def test_what_is_not_understood_stays(tmp_path: Path) -> None:
    data = history(tmp_path / "1", 1795614580)
    facts = facts_of(PATH, data, layer={PATH + b"-wal": b"x"})
    assert rewritten(HISTORY, data, PATH, facts) == data
    assert facts.remarks
    other = data.replace(b"comment TEXT", b"commen, TEXT")
    assert len(other) == len(data)
    assert rewritten(HISTORY, data[:-1], PATH) == data[:-1]
