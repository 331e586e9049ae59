from __future__ import annotations

import base64
import ctypes
import hashlib
import struct
import subprocess
from pathlib import Path

import pytest
from compiled_files import run
from normalising import facts_of, matches, named, rewritten

from samebit.formats.streams import PIECE

MODULE = named("python/extension-paths")
RECORD = named("python/extension-records")
SITE = b"usr/lib/python3/site-packages"
AT = SITE + b"/fast.cpython-311-x86_64-linux-gnu.so"
ZEROS = b"/pip-req-build-00000000"


def module(folder: Path, *flags: str) -> bytes:
    folder.mkdir(parents=True)
    (folder / "fast.c").write_text("int add(int a, int b) { return a + b; }\n")
    options = ("-shared", "-fPIC", "-g", "-Wl,--build-id", *flags)
    run("gcc", *options, "-o", "fast.so", "fast.c", cwd=folder)
    return (folder / "fast.so").read_bytes()


def build_id(folder: Path, data: bytes) -> str:
    path = folder / "read.so"
    path.write_bytes(data)
    told = subprocess.run(["readelf", "-n", path], check=True, capture_output=True, text=True)
    return told.stdout.partition("Build ID: ")[2].split()[0]


@pytest.mark.parametrize("below", ["", f"/fast_{'0123456789abcdef' * 2}"])
def test_modules_of_two_folders_are_equal(tmp_path: Path, below: str) -> None:
    one = module(tmp_path / f"1/pip-req-build-ab_cd123{below}")
    two = module(tmp_path / f"2/pip-req-build-zzzz9999{below.replace('0', 'f')}")
    one = one.replace(str(tmp_path / "1").encode(), str(tmp_path / "2").encode())
    assert matches(MODULE, AT, one)
    result = rewritten(MODULE, one, AT)
    assert result == rewritten(MODULE, two, AT) != two
    assert len(result) == len(one)
    assert ZEROS in result
    assert (b"/fast_" + b"0" * 32 in result) is bool(below)
    assert b"ab_cd123" not in result
    assert build_id(tmp_path, result) not in (build_id(tmp_path, one), build_id(tmp_path, two))
    path = tmp_path / "loaded.so"
    path.write_bytes(result)
    assert ctypes.CDLL(str(path)).add(20, 22) == 42
    told = subprocess.run(
        ["readelf", "--debug-dump=info", path], check=True, capture_output=True, text=True
    )
    assert "pip-req-build-00000000" in told.stdout
    assert not told.stderr


def test_other_contents_give_other_build_ids(tmp_path: Path) -> None:
    one = rewritten(MODULE, module(tmp_path / "1/pip-req-build-ab_cd123"), AT)
    two = rewritten(MODULE, module(tmp_path / "1/pip-req-build-ab_cd124", "-O2"), AT)
    assert build_id(tmp_path, one) != build_id(tmp_path, two)


def test_without_a_build_id_and_without_debug_information(tmp_path: Path) -> None:
    one = module(tmp_path / "pip-req-build-ab_cd123", "-Wl,--build-id=none")
    result = rewritten(MODULE, one, AT)
    assert len(result) == len(one)
    assert ZEROS in result
    assert b"ab_cd123" not in result
    bare = module(tmp_path / "pip-req-build-ab_cd124", "-g0")
    assert rewritten(MODULE, bare, AT) == bare


@pytest.mark.parametrize(
    "text",
    [
        b"/src/fast",
        b"/pip-req-build-short",
        b"/pip-req-build-UPPER123",
        b"/pip-req-build-ab_cd123more",
        b"/pipe-req-build-ab_cd123",
    ],
)
def test_other_folders_are_left_alone(tmp_path: Path, text: bytes) -> None:
    data = module(tmp_path / "pip-req-build-ab_cd123").replace(b"/pip-req-build-ab_cd123", text)
    assert rewritten(MODULE, data, AT) == data


def elf(*parts: bytes) -> bytes:
    """Make a 64-bit file without program headers, followed by some bytes."""
    header = (
        b"\x7fELF\2\1\1"
        + bytes(9)
        + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, *[0] * 4, 64, 0, 0, 0, 0, 0)
    )
    return header + b"".join(parts)


@pytest.mark.parametrize("before", [0, 1, 30, 240, 256, 300])
def test_a_name_across_two_reads(before: int) -> None:
    padding = bytes(PIECE - 64 - before)
    data = elf(padding, b"/pip-install-ab_cd123/x_", b"f" * 32, b"\0", b"/pip-install-ab_cd123\0")
    zeros = b"/pip-install-00000000"
    assert rewritten(MODULE, data, AT) == elf(
        padding, zeros, b"/x_", b"0" * 32, b"\0", zeros, b"\0"
    )


@pytest.mark.parametrize("cut", [5, 20])
def test_a_damaged_file_is_left_alone(cut: int) -> None:
    data = elf(b"/pip-install-ab_cd123\0")
    damaged = data[:cut] + data[64:]
    assert rewritten(MODULE, damaged, AT) == damaged


def row(name: str, data: bytes) -> bytes:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n".encode()


def test_the_record_follows(tmp_path: Path) -> None:
    data = module(tmp_path / "pip-req-build-ab_cd123")
    name, path = AT.rpartition(b"/")[2].decode(), SITE + b"/fast-1.0.dist-info/RECORD"
    other = row("plain.so", b"\x7fELF of somebody's")
    rest = b"fast.py,sha256=abc,3\nfast-1.0.dist-info/RECORD,,\n../x.so,sha256=abc,3\nodd.so\n"
    record = row(name, data) + other + rest
    assert matches(RECORD, path)
    layer: dict[bytes, bytes | None] = {AT: data, SITE + b"/plain.so": b"\x7fELF of somebody's"}
    facts = facts_of(path, record, layer=layer)
    assert (
        rewritten(RECORD, record, path, facts)
        == row(name, rewritten(MODULE, data, AT)) + other + rest
    )
    assert rewritten(RECORD, other + rest, path, facts) == other + rest
    for text in (b"", b"\xff\xfe.so,sha256=\n", b'"unclosed.so,sha256=a,1'):
        assert rewritten(RECORD, text, path, facts) == text
