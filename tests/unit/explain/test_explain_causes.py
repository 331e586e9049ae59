"""Each cause that is no time: found where it is, not where it only could be."""

from __future__ import annotations

import gzip
import io
import json
import marshal
import random
import sqlite3
import struct
import subprocess
import uuid
import zipfile
from pathlib import Path

import pytest
from explained import explained, make_tar, only_cause

from samebit.model.explanation import Confidence


def names(a: bytes | str, b: bytes | str) -> set[str]:
    return {cause.name for cause in explained(a, b).causes}


@pytest.mark.parametrize(
    ("name", "a", "b"),
    [
        ("path/build", "src=/home/alice/src/app/main.c;", "src=/srv/build/of bob/main.c;"),
        ("host/name", "built on alpha-host.", "built on beta."),
        ("host/user", "by alice <", "by bob <"),
        ("host/kernel", "Linux 6.1.0-18-amd64 x86", "Linux 6.12.9 x86"),
        ("host/processors", "jobs = 2\n", "jobs = 7\n"),
    ],
)
def test_words_of_one_build(name: str, a: str, b: str) -> None:
    assert only_cause(a, b).name == name


def test_another_number_is_not_the_processors() -> None:
    assert names("jobs = 3\n", "jobs = 4\n") == {"value/number"}
    assert names("jobs = 2.5\n", "jobs = 7.5\n") == {"value/number"}


def test_uuid() -> None:
    seeded = random.Random(1)
    a, b = (uuid.UUID(bytes=seeded.randbytes(16), version=4) for _ in range(2))
    assert only_cause(f"id: {a}\n", f"id: {b}\n").name == "random/uuid"


def test_keys() -> None:
    def key(seed: int) -> str:
        body = random.Random(seed).randbytes(48).hex()
        return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{body}\n-----END OPENSSH PRIVATE KEY-----\n"

    cause = only_cause(key(1), key(2))
    assert (cause.name, cause.confidence) == ("random/key", Confidence.CERTAIN)
    assert "starts" in cause.fix


def test_salt() -> None:
    assert only_cause("u:$6$abcdefgh$XyZ12345:1", "u:$6$hgfedcba$ZzZ54321:1").name == "random/salt"


def test_temporary_names() -> None:
    assert (
        only_cause("in /tmp/tmp.a8Fz2kQ1Lp/x", "in /tmp/tmp.Zk29sLq0Qw/x").name == "path/temporary"
    )


def test_process_ids() -> None:
    assert only_cause("started, pid 4711\n", "started, pid 4802\n").name == "process/id"


def test_random_text() -> None:
    a, b = (random.Random(seed).randbytes(20).hex() for seed in (1, 2))
    assert only_cause(f"secret = {a}\n", f"secret = {b}\n").name == "random/text"


def test_order_of_lines_and_words() -> None:
    lines = [f"file-{n}.txt" for n in range(20)]
    shuffled = random.Random(3).sample(lines, len(lines))
    cause = only_cause("\n".join(lines) + "\n", "\n".join(shuffled) + "\n")
    assert (cause.name, cause.confidence) == ("order/lines", Confidence.CERTAIN)
    assert only_cause("{alpha, beta, gamma}\n", "{gamma, alpha, beta}\n").name == "order/words"
    assert "order/lines" not in names("a\nb\nc\n", "a\nc\nd\n")


def test_order_of_json() -> None:
    a, b = {"one": 1, "two": [1, 2]}, {"two": [1, 2], "one": 1}
    assert only_cause(json.dumps(a), json.dumps(b, indent=1)).name == "order/json"
    assert "order/json" not in names(json.dumps(a), json.dumps(b | {"one": 2}))


def make_zip(files: dict[str, tuple[bytes, tuple[int, int, int, int, int, int]]]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, (data, moment) in files.items():
            archive.writestr(zipfile.ZipInfo(name, moment), data)
    return target.getvalue()


DAY = (2026, 5, 4, 10, 0, 0)
NEXT = (2026, 5, 5, 11, 0, 0)


def test_zip_times_order_and_content() -> None:
    plain = make_zip({"a": (b"1", DAY), "b": (b"2", DAY)})
    assert (
        only_cause(plain, make_zip({"a": (b"1", NEXT), "b": (b"2", NEXT)})).name == "archive/times"
    )
    assert only_cause(plain, make_zip({"b": (b"2", DAY), "a": (b"1", DAY)})).name == "archive/order"
    one = make_zip({"META-INF/MANIFEST.MF": (b"Built-By: alice\n", DAY)})
    other = make_zip({"META-INF/MANIFEST.MF": (b"Built-By: bob\n", DAY)})
    cause = only_cause(one, other)
    assert cause.name == "host/user"
    assert cause.evidence[0].member == "META-INF/MANIFEST.MF"


def test_an_archive_in_an_archive() -> None:
    def outer(built: str) -> bytes:
        inner = make_zip({"date.txt": (built.encode(), DAY)})
        return make_zip({"lib/inner.jar": (inner, DAY)})

    cause = only_cause(outer("2026-05-04 10:00:01"), outer("2026-05-05 11:00:01"))
    assert cause.name == "clock/text"
    assert cause.evidence[0].member == "lib/inner.jar!date.txt"


def before_posix(archive: bytes) -> bytes:
    """Take the magic from every header of an archive of small files."""
    blocks = [archive[at : at + 512] for at in range(0, len(archive), 512)]
    for number, block in enumerate(blocks):
        if block[257:262] == b"ustar":
            old = block[:257] + bytes(255)
            old = old[:148] + b" " * 8 + old[156:]
            blocks[number] = old[:148] + b"%06o\0 " % sum(old) + old[156:]
    return b"".join(blocks)


def test_tar_and_gzip() -> None:
    one, other = make_tar(1777888801), make_tar(1777978801)
    assert only_cause(one, other).name == "archive/times"
    assert only_cause(one, make_tar(1777888801, ("b", "a"))).name == "archive/order"
    old = [before_posix(each) for each in (one, make_tar(1777888801, ("b", "a")))]
    assert only_cause(*old).name == "archive/order"
    assert only_cause(one, make_tar(1777888801, mode=0o664)).name == "archive/attributes"
    packed, again = (gzip.compress(one, mtime=t) for t in (1777888801, 1777978801))
    cause = only_cause(packed, again)
    assert cause.name == "archive/times"
    assert "gzip -n" in cause.fix
    inside = only_cause(gzip.compress(one, mtime=0), gzip.compress(other, mtime=0))
    assert "tar --sort=name" in inside.fix


def test_the_same_packed_differently() -> None:
    data = b"words and more words " * 500
    cause = only_cause(gzip.compress(data, 1, mtime=0), gzip.compress(data, 9, mtime=0))
    assert (cause.name, cause.confidence) == ("archive/packing", Confidence.CERTAIN)
    # Another compressor's tar has the same members and other bytes: nobody knows why.
    again = make_tar(0)
    assert explained(again, again + bytes(512)).causes == ()


def test_ar() -> None:
    def library(moment: int) -> bytes:
        return (
            b"!<arch>\n"
            + f"{'a.o/':16}{moment:<12}0     0     100644  4         `\n".encode()
            + b"data"
        )

    assert only_cause(library(1777888801), library(1777978801)).name == "archive/times"


def test_bytecode() -> None:
    def pyc(mtime: int, constant: object) -> bytes:
        return b"\xa7\r\r\n" + struct.pack("<III", 0, mtime, 5) + marshal.dumps(constant)

    cause = only_cause(pyc(1777888801, "x"), pyc(1777978801, "x"))
    assert cause.name == "python/source-time"
    assert cause.evidence[0].meaning_a == "2026-05-04 10:00:01 UTC"
    assert only_cause(pyc(1, ("a", "b")), pyc(1, ("b", "a"))).name == "python/bytecode"


def test_sqlite(tmp_path: Path) -> None:
    def database(name: str, rounds: int) -> bytes:
        path = tmp_path / name
        connection = sqlite3.connect(path)
        connection.execute("create table t (x)")
        for number in range(rounds):
            with connection:
                connection.execute("insert into t values (?)", (number,))
                connection.execute("delete from t")
        connection.close()
        return path.read_bytes()

    found = explained(database("a", 2), database("b", 5))
    assert found.causes[0].name == "database/sqlite"


def test_git_index(tmp_path: Path) -> None:
    def index(name: str) -> bytes:
        folder = tmp_path / name
        subprocess.run(["git", "init", "--quiet", folder], check=True)
        (folder / "file").write_text("x")
        subprocess.run(["git", "-C", folder, "add", "file"], check=True)
        return (folder / ".git/index").read_bytes()

    found = explained(index("a"), index("b"), b"src/.git/index")
    assert [cause.name for cause in found.causes] == ["database/git-index"]


def test_two_causes_in_one_file() -> None:
    one = "host alpha-host\n" + "x" * 200 + "\nat 2026-05-04 10:00:05\n"
    other = "host beta\n" + "x" * 200 + "\nat 2026-05-05 11:00:05\n"
    assert names(one, other) == {"host/name", "clock/text"}


def test_what_nobody_knows_stays_unexplained() -> None:
    found = explained("colour: red\n" + "y" * 50, "colour: blue\n" + "y" * 50)
    assert (found.causes, found.unexplained) == ((), 1)
