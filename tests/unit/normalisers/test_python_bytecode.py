from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from normalising import EPOCH, MemoryTrees, facts_of, matches, named, rewritten

from samebit.formats import pyc
from samebit.image.entry import Entry, Kind
from samebit.normalisers.protocol import Facts

BYTECODE = named("python/bytecode")
SOURCE = '''"""Module."""
import os
from typing import NamedTuple

CONSTANTS = (1, -1, 2**70, -(2**70), 1.5, 2j, b"bytes", "text", "naïve", "x" * 300, None, ..., True)
SOME = {"a", "b", "c"}

class Point(NamedTuple):
    x: int = 0

    def moved(self, by: int = 3, *others: int, **named: int) -> "Point":
        def inner(z: int) -> int:
            return z + by if z in {1, 2, 3} else self.x
        return Point(sum(inner(other) for other in (*others, *named.values())))

print(Point(1).moved(2, 3, a=4), CONSTANTS[3], os.path.sep, sorted(SOME))
'''
CLOCK = 1_764_057_602


def _pythons() -> list[str]:
    found = {shutil.which(f"python3.{minor}") for minor in range(8, 15)}
    works = {
        name
        for name in found
        if name
        and subprocess.run([name, "-c", ""], capture_output=True, check=False).returncode == 0
    }
    return sorted({"/usr/bin/python3", *works})


PYTHONS = _pythons()


def compiled(folder: Path, python: str = "/usr/bin/python3", mode: str = "TIMESTAMP") -> Path:
    (folder / "mod.py").write_text(SOURCE)
    os.utime(folder / "mod.py", (CLOCK, CLOCK))
    code = (
        "import py_compile as p; print(p.compile('mod.py', doraise=True,"
        f" invalidation_mode=p.PycInvalidationMode.{mode}))"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [python, "-c", code],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return folder / done.stdout.strip()


def facts(
    path: bytes, data: bytes, *, mtime: int = CLOCK, source: bytes = SOURCE.encode()
) -> Facts:
    name = pyc.source_of(path)
    assert name
    trees = MemoryTrees({path: data, name: source}, None, {name: mtime})
    return Facts(EPOCH, Entry(path, Kind.FILE, 0o644, size=len(data)), trees)


def once(data: bytes, given: Facts) -> bytes:
    return rewritten(BYTECODE, data, given.entry.path, given)


def stated(data: bytes) -> int:
    (found,) = struct.unpack("<I", data[8:12])
    return int(found)


AT = b"app/__pycache__/mod.cpython-311.pyc"


@pytest.mark.parametrize("python", PYTHONS)
def test_python_takes_the_result(tmp_path: Path, python: str) -> None:
    path = compiled(tmp_path, python)
    data = path.read_bytes()
    given = facts(AT, data)
    assert BYTECODE.rewrite is not None
    assert matches(BYTECODE, AT, data)
    written: list[bytes] = []
    with path.open("rb") as source:
        assert BYTECODE.rewrite(source, len(data), written.append, given)
    result = b"".join(written)
    assert stated(result) == EPOCH
    assert result[16:] != data[16:], "there were unused flags"
    # In the image, the source has the epoch as its time: nothing is left to do.
    assert once(result, facts(AT, result, mtime=EPOCH)) == result
    code = "import marshal, sys; d = [open(f, 'rb').read() for f in sys.argv[1:]]; \
a, b = (marshal.loads(x[16:]) for x in d); assert a == b and marshal.dumps(a) == marshal.dumps(b)"
    (tmp_path / "new").write_bytes(result)
    subprocess.run([python, "-c", code, str(path), "new"], cwd=tmp_path, check=True)
    path.write_bytes(result)
    os.utime(tmp_path / "mod.py", (EPOCH, EPOCH))
    run = subprocess.run(
        [python, "-v", "-c", "import mod"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith("Point(x=")
    assert "matches" in run.stderr
    assert path.read_bytes() == result


def test_what_another_process_flagged(tmp_path: Path) -> None:
    path = compiled(tmp_path)
    alone = path.read_bytes()
    # Names that the compiling process knows have more references, so that they are flagged.
    code = (
        "import ast, inspect, py_compile, sys, typing;"
        "known = [sys.intern(name) for name in 'Point moved inner CONSTANTS'.split()];"
        "py_compile.compile('mod.py', doraise=True)"
    )
    path.unlink()
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "0"}
    subprocess.run(["/usr/bin/python3", "-c", code], cwd=tmp_path, env=environment, check=True)
    other = path.read_bytes()
    result = pyc.normal_body(alone)
    assert result == pyc.normal_body(other)
    assert pyc.normal_body(result) == result


def test_bytecode_that_is_out_of_date_stays_so(tmp_path: Path) -> None:
    data = compiled(tmp_path).read_bytes()
    for given in (
        facts(AT, data, mtime=CLOCK + 7),
        facts(AT, data, source=b"short"),
    ):
        assert stated(once(data, given)) == 1
    # A source that was edited without changing its size, after all got the epoch as their time.
    fresh = pyc.with_mtime(data, EPOCH)
    assert stated(once(fresh, facts(AT, fresh, mtime=CLOCK + 7))) == 1


def test_a_source_of_the_base_keeps_its_time(tmp_path: Path) -> None:
    data = compiled(tmp_path).read_bytes()
    given = facts_of(AT, data, base={b"app/mod.py": SOURCE.encode()})
    assert stated(rewritten(BYTECODE, data, AT, given)) == CLOCK


def test_without_a_source_the_time_means_nothing(tmp_path: Path) -> None:
    data = compiled(tmp_path).read_bytes()
    for path in (AT, b"app/mod.pyc"):
        assert stated(rewritten(BYTECODE, data, path, facts_of(path, data))) == EPOCH


@pytest.mark.parametrize("mode", ["CHECKED_HASH", "UNCHECKED_HASH"])
def test_hashes_stay(tmp_path: Path, mode: str) -> None:
    data = compiled(tmp_path, mode=mode).read_bytes()
    assert once(data, facts(AT, data))[:16] == data[:16]


def test_where_the_source_is() -> None:
    for path, source in {
        b"a/__pycache__/m.cpython-311.pyc": b"a/m.py",
        b"__pycache__/m.cpython-311.opt-2.pyc": b"m.py",
        b"a/m.pyc": b"a/m.py",
        b"a/b.c.pyc": b"a/b.c.py",
        b"a/__pycache__/odd.pyc": None,
        b"a/__pycache__/m.pypy39.pyc": b"a/m.py",
    }.items():
        assert pyc.source_of(path) == source


def test_what_must_not_change(tmp_path: Path) -> None:
    data = compiled(tmp_path).read_bytes()
    for broken in (b"", data[:10], b"\0\0\0\0" + data[4:], data[:16]):
        assert rewritten(BYTECODE, broken, AT) in (broken, pyc.with_mtime(broken, EPOCH))
    for cut in (data[:-1], data + b"x", data[:16] + b"\xe5" + data[17:]):
        assert pyc.normal_body(cut) == cut
