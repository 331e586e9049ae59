from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from normalising import facts_of, matches, named, rewritten

LOG = named("c/ninja-log")
DEPENDENCIES = named("c/ninja-dependencies")
EPOCH = 315619200
BUILD = """\
rule copy
  command = sleep $pause && cat $in > $out && printf '%s: %s %s\\n' $out $in text.h > $out.d
  depfile = $out.d
  deps = gcc
build a.o: copy a.c
  pause = 0.2
build b.o: copy b.c
  pause = 0
build long-name.o: copy b.c
  pause = 0.1
"""


def ninja(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["ninja", *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def built(folder: Path, *order: str) -> Path:
    folder.mkdir()
    (folder / "build.ninja").write_text(BUILD)
    for name in ("a.c", "b.c", "text.h"):
        (folder / name).write_text(name)
    for name in order:
        ninja(folder, name)
    return folder


@pytest.mark.skipif(shutil.which("ninja") is None, reason="ninja-build is not installed")
@pytest.mark.parametrize("epoch", [0, EPOCH])
def test_ninjas_records_of_two_builds_are_equal_and_valid(tmp_path: Path, epoch: int) -> None:
    first = built(tmp_path / "1", "a.o", "b.o", "long-name.o")
    second = built(tmp_path / "2", "long-name.o", "b.o", "a.o")
    (second / "a.o").unlink()
    ninja(second, "a.o")
    for normaliser, name in ((LOG, ".ninja_log"), (DEPENDENCIES, ".ninja_deps")):
        at = os.fsencode(f"src/build/{name}")
        one, two = (first / name).read_bytes(), (second / name).read_bytes()
        assert one != two
        assert matches(normaliser, at, one[:512])
        result = rewritten(normaliser, one, at, facts_of(at, one, epoch=epoch))
        assert result == rewritten(normaliser, two, at, facts_of(at, two, epoch=epoch))
        (first / name).write_bytes(result)
    for path in first.iterdir():
        os.utime(path, (epoch, epoch))
    assert "no work to do" in ninja(first, "-n")
    told = ninja(first, "-t", "deps")
    assert "a.o: #deps 2" in told
    assert told.count("(VALID)") == 3
    # What is newer is still seen, through what the record says only.
    os.utime(first / "text.h", (epoch + 5, epoch + 5))
    assert "[3/3]" in ninja(first, "-n")


def record(*parts: bytes, deps: bool = False) -> bytes:
    body = b"".join(parts)
    return struct.pack("<I", len(body) | (1 << 31 if deps else 0)) + body


HEAD = b"# ninjadeps\n\4\0\0\0"
NAME = record(b"a\0\0\0", struct.pack("<I", ~0 & 0xFFFFFFFF))


@pytest.mark.parametrize(
    "data",
    [
        b"# ninjadeps\n\3\0\0\0" + NAME,
        HEAD[:-1],
        HEAD + NAME[:-1],
        HEAD + record(b"a\0\0\0", struct.pack("<I", 7)),
        HEAD + record(struct.pack("<IQ", 0, 5), deps=True),
        HEAD + NAME + record(struct.pack("<IQI", 0, 5, 1), deps=True),
        HEAD + NAME + record(struct.pack("<I", 0), deps=True),
        HEAD + NAME + record(struct.pack("<II", 0, 0), deps=True),
    ],
)
def test_damaged_dependencies_are_left_alone(data: bytes) -> None:
    assert rewritten(DEPENDENCIES, data, b"b/.ninja_deps") == data


@pytest.mark.parametrize(
    "data",
    [
        b"# ninja log v4\n1\t2\t3\ta\tff\n",
        b"# ninja log v5\n1\t2\t3\ta\tff",
        b"# ninja log v5\n1\t2\tx\ta\tff\n",
        b"# ninja log v5\n\n",
    ],
)
def test_unknown_logs_are_left_alone(data: bytes) -> None:
    assert rewritten(LOG, data, b"b/.ninja_log") == data


def test_configures_log_goes_and_anothers_stays() -> None:
    log = named("c/configure-log")
    text = b"This file contains any messages produced by compilers while\nrunning configure, to aid"
    assert matches(log, b"src/config.log", text)
    assert not matches(log, b"src/config.log", b"my own log\n")
    assert not matches(log, b"src/other.log", text)
