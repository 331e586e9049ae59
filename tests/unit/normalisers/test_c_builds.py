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


SYSTEM = """\
set(CMAKE_HOST_SYSTEM "Linux-{host}")
set(CMAKE_HOST_SYSTEM_NAME "Linux")
set(CMAKE_HOST_SYSTEM_VERSION "{host}")
set(CMAKE_HOST_SYSTEM_PROCESSOR "x86_64")

set(CMAKE_SYSTEM "Linux-{target}")
set(CMAKE_SYSTEM_NAME "Linux")
set(CMAKE_SYSTEM_VERSION "{target}")
set(CMAKE_CROSSCOMPILING "{crossing}")
"""


def test_the_kernel_goes_from_what_cmake_knows_of_its_system() -> None:
    normaliser = named("c/cmake-system")
    path = b"src/build/CMakeFiles/3.25.1/CMakeSystem.cmake"

    def text(host: str, target: str = "", crossing: str = "FALSE") -> bytes:
        return SYSTEM.format(host=host, target=target or host, crossing=crossing).encode()

    assert matches(normaliser, path, text("6.1.0-18-amd64"))
    for host in ("6.1.0-18-amd64", "2.6.72", "6.12.9+bpo"):
        assert rewritten(normaliser, text(host), path) == text("6.1")
    # A toolchain file says what the target is.
    crossed = text("6.12.9", "1", "TRUE")
    assert rewritten(normaliser, crossed, path) == text("6.1", "1", "TRUE")
    assert rewritten(normaliser, b'set(CMAKE_SYSTEM_VERSION "5")\n', path)[-4:] == b'5")\n'


@pytest.mark.skipif(shutil.which("cmake") is None, reason="cmake is not installed")
def test_cmake_reads_it_again(tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.10)\nproject(x NONE)\n"
        'message(STATUS "on ${CMAKE_HOST_SYSTEM_VERSION}")\n'
    )

    def configured() -> str:
        return subprocess.run(
            ["cmake", "-S", ".", "-B", "out"],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert f"on {os.uname().release}\n" in configured()
    (made,) = (tmp_path / "out").glob("CMakeFiles/*/CMakeSystem.cmake")
    made.write_bytes(rewritten(named("c/cmake-system"), made.read_bytes(), b"x"))
    assert "on 6.1\n" in configured()
