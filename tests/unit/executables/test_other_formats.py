"""Formats that need no compiler to make an example of."""

from __future__ import annotations

import io
import marshal
import py_compile
import struct
import sys
import zipfile
from pathlib import Path

import pytest
from compiled_files import facts_of, found_in, run, values_of

from samebit.executables.inspect import recognise


@pytest.mark.parametrize(
    ("line", "commands"),
    [
        ("#!/bin/sh -e", (b"/bin/sh",)),
        ("#! /usr/bin/python3", (b"/usr/bin/python3",)),
        ("#!/usr/bin/env python3", (b"/usr/bin/env", b"python3")),
        ("#!/usr/bin/env -S FOO=1 node --flag", (b"/usr/bin/env", b"node")),
        ("#!/usr/bin/env -Sperl", (b"/usr/bin/env", b"perl")),
        ("#!/usr/bin/env", (b"/usr/bin/env",)),
    ],
)
def test_script(line: str, commands: tuple[bytes, ...]) -> None:
    facts = facts_of(f"{line}\necho\n".encode())
    assert facts.commands == commands
    assert facts.traces == ()


@pytest.mark.parametrize("head", [b"#![allow(x)]\n", b"#! \n", b"#!", b"", b"MZ", b"text"])
def test_not_executable(head: bytes) -> None:
    assert recognise(head, b"file") is None


def _bytecode(folder: Path, mode: py_compile.PycInvalidationMode, name: str | None = None) -> bytes:
    source = folder / "module.py"
    source.write_text("def f():\n    return '/tmp/x.py is text'\n")
    out = folder / "out.pyc"
    py_compile.compile(str(source), str(out), dfile=name, invalidation_mode=mode, doraise=True)
    return out.read_bytes()


def test_bytecode_with_a_time(tmp_path: Path) -> None:
    data = _bytecode(tmp_path, py_compile.PycInvalidationMode.TIMESTAMP, "/app/module.py")
    seconds = int((tmp_path / "module.py").stat().st_mtime)
    path = "app/__pycache__/module.cpython-311.pyc"
    facts = facts_of(data, path)
    assert found_in(facts) == {"timestamp"}
    assert facts.toolchain == (f"Python {sys.version_info[0]}.{sys.version_info[1]}",)
    assert ("checked by", "mtime") in facts.details
    assert facts_of(data, path, seconds).traces == ()


def test_bytecode_with_a_hash(tmp_path: Path) -> None:
    data = _bytecode(tmp_path, py_compile.PycInvalidationMode.CHECKED_HASH, "/app/module.py")
    facts = facts_of(data, "app/__pycache__/module.cpython-311.opt-1.pyc")
    assert facts.traces == ()
    assert ("checked by", "hash, checked") in facts.details


@pytest.mark.parametrize("name", ["/home/alice/src/module.py", "/build/" + "x" * 270 + "/m.py"])
def test_bytecode_of_another_folder(tmp_path: Path, name: str) -> None:
    data = _bytecode(tmp_path, py_compile.PycInvalidationMode.UNCHECKED_HASH, name)
    facts = facts_of(data, "app/module.pyc")
    assert values_of(facts, "build-path") == [name]
    # The oracle: what Python itself reads.
    assert marshal.loads(data[16:]).co_filename == name


def _archive(*members: tuple[str, int, int, bytes]) -> bytes:
    data = b"!<arch>\n"
    for name, seconds, owner, content in members:
        head = f"{name:16}{seconds:<12}{owner:<6}{owner:<6}{'100644':8}{len(content):<10}`\n"
        data += head.encode() + content + b"\n" * (len(content) % 2)
    return data


def test_static_library() -> None:
    quiet = facts_of(_archive(("/", 0, 0, b"abc"), ("a.o/", 0, 0, b"data")), "lib.a")
    assert (quiet.kind, quiet.traces) == ("static library", ())
    loud = facts_of(_archive(("a.o/", 1700000000, 1000, b"data")), "lib.a")
    assert values_of(loud, "timestamp") == ["2023-11-14T22:13:20Z"]
    assert values_of(loud, "owner") == ["1000:1000"]
    assert recognise(b"!<arch>\ndebian-binary   ", b"x") is None


def test_static_library_of_objects(tmp_path: Path) -> None:
    (tmp_path / "a.c").write_text("int a;")
    run("gcc", "-g", "-c", "a.c", "-o", "a_name_that_is_longer_than_fifteen.o", cwd=tmp_path)
    run("ar", "rcD", "d.a", "a_name_that_is_longer_than_fifteen.o", cwd=tmp_path)
    run("ar", "rcU", "u.a", "a_name_that_is_longer_than_fifteen.o", cwd=tmp_path)
    facts = facts_of(tmp_path / "d.a")
    assert found_in(facts) == {"debug-info", "build-path"}
    assert values_of(facts, "build-path") == [str(tmp_path)]
    assert any("a_name_that_is_longer" in trace.place for trace in facts.traces)
    changing = facts_of(tmp_path / "u.a")
    assert "timestamp" in found_in(changing)


CLASS = bytes.fromhex("cafebabe0000003d") + struct.pack(">H", 1) + bytes(6) + bytes(8)


def _jar(
    when: tuple[int, int, int, int, int, int],
    manifest: str = "",
    classes: tuple[bytes, ...] = (CLASS,),
    nested: bytes = b"",
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        info = zipfile.ZipInfo("META-INF/MANIFEST.MF", when)
        archive.writestr(info, f"Manifest-Version: 1.0\r\n{manifest}\r\n")
        for number, data in enumerate(classes):
            archive.writestr(zipfile.ZipInfo(f"C{number}.class", when), data)
        if nested:
            archive.writestr(zipfile.ZipInfo("lib/inner.jar", when), nested)
    return out.getvalue()


ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


def test_jar() -> None:
    facts = facts_of(_jar(ZIP_EPOCH, "Created-By: 17.0.1 (Debian)\r\n"), "a.jar")
    assert facts.traces == ()
    assert facts.toolchain == ("Created-By: 17.0.1 (Debian)", "Java 17")
    assert ("classes", "1") in facts.details


def test_jar_with_times() -> None:
    data = _jar((2023, 11, 14, 22, 13, 20))
    assert values_of(facts_of(data, "a.jar"), "timestamp") == ["2023-11-14T22:13:20Z"]
    assert facts_of(data, "a.jar", 1700000000).traces == ()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Built-By: alice", "user-name"),
        ("Build-Host: machine", "host-name"),
        ("Bnd-LastModified: 1700000000", "timestamp"),
        ("Build-Date: 2023-11-14", "timestamp"),
        ("Implementation-Build-Date: 2023-11-14", "timestamp"),
        ("Git-Commit: 0123abc", "vcs-stamp"),
        ("Scm-Revision: deadbeefdeadbeefdeadbeefdeadbeefdeadbeef", "vcs-stamp"),
        ("X-Path: /home/alice/src", "build-path"),
    ],
)
def test_manifest(line: str, code: str) -> None:
    assert code in found_in(facts_of(_jar(ZIP_EPOCH, line + "\r\n"), "a.jar"))


@pytest.mark.parametrize(
    "line", ["Built-By: ", "Build-Jdk-Spec: 17", "Main-Class: a.Build", "Implementation-Build: 7"]
)
def test_manifest_without_traces(line: str) -> None:
    assert facts_of(_jar(ZIP_EPOCH, line + "\r\n"), "a.jar").traces == ()


def test_nested_jar() -> None:
    inner = _jar((2023, 11, 14, 22, 13, 20), "Built-By: alice\r\n")
    facts = facts_of(_jar(ZIP_EPOCH, nested=inner), "app.jar")
    assert found_in(facts) == {"timestamp", "user-name"}
    assert all(trace.place.startswith("lib/inner.jar: ") for trace in facts.traces)


def test_jar_with_a_broken_class() -> None:
    assert found_in(facts_of(_jar(ZIP_EPOCH, classes=(b"no class",)), "a.jar")) == {"malformed"}


def test_class() -> None:
    facts = facts_of(CLASS)
    assert (facts.format, facts.toolchain, facts.traces) == ("java-class", ("Java 17",), ())


def _pe(stamp: int, *, repro: bool = False, pdb: bytes = b"") -> bytes:
    """A PE32+ file with one section that holds its debug directory."""
    entries = b""
    body = b""
    place = 0x400
    count = bool(repro) + bool(pdb)
    if pdb:
        body = b"RSDS" + bytes(range(16)) + bytes(4) + pdb + b"\0"
        where = place + 28 * count
        entries += struct.pack("<IIHHIIII", 0, stamp, 0, 0, 2, len(body), 0, where)
    if repro:
        entries += struct.pack("<IIHHIIII", 0, stamp, 0, 0, 16, 0, 0, 0)
    directories = bytearray(16 * 8)
    if count:
        directories[48:56] = struct.pack("<II", 0x1000, 28 * count)
    optional = bytearray(112)
    optional[0:4] = struct.pack("<HBB", 0x20B, 2, 40)
    optional[68:72] = struct.pack("<HH", 3, 0x160)
    optional += directories
    header = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, 1, stamp, 0, 0, len(optional), 0x22)
    section = struct.pack("<8sIIIIIIHHI", b".rdata", 512, 0x1000, 512, place, 0, 0, 0, 0, 0)
    dos = b"MZ" + bytes(58) + struct.pack("<I", 64)
    return (dos + header + bytes(optional) + section).ljust(place, b"\0") + (entries + body).ljust(
        512, b"\0"
    )


def test_windows_program() -> None:
    facts = facts_of(_pe(1700000000), "a.exe")
    assert (facts.kind, facts.architecture) == ("executable", "amd64")
    assert values_of(facts, "timestamp") == ["2023-11-14T22:13:20Z"]
    assert dict(facts.hardening) == {"pie": "yes", "nx": "yes"}
    assert ("subsystem", "Windows console") in facts.details
    assert facts_of(_pe(0), "a.exe").traces == ()
    # With this entry the stamp is a hash.
    assert facts_of(_pe(1700000000, repro=True), "a.exe").traces == ()


def test_windows_program_with_a_pdb() -> None:
    facts = facts_of(_pe(0, pdb=b"C:\\Users\\alice\\a.pdb"), "a.exe")
    assert found_in(facts) == {"build-id", "build-path"}
    assert "alice" in values_of(facts, "build-path")[0]


def _macho(*commands: bytes, kind: int = 2) -> bytes:
    body = b"".join(commands)
    head = struct.pack("<7I", 0xFEEDFACF, 0x01000007, 3, kind, len(commands), len(body), 0x200000)
    return head + bytes(4) + body


UUID = struct.pack("<II", 27, 24) + bytes(range(16))
DYLIB = struct.pack("<6I", 12, 32, 24, 2, 0, 0) + b"libx\0\0\0\0"


def test_macos_program() -> None:
    version = struct.pack("<6I", 50, 24, 1, 13 << 16, 14 << 16, 0)
    facts = facts_of(_macho(UUID, DYLIB, version), "a")
    assert facts.linkage is not None
    assert facts.linkage.needed == (b"libx",)
    assert facts.build_ids == (("uuid", bytes(range(16)).hex()),)
    assert found_in(facts) == {"build-id"}
    assert ("platform", "macOS 13.0.0") in facts.details
    assert facts_of(_macho(DYLIB), "a").traces == ()
    timed = struct.pack("<6I", 12, 32, 24, 1700000000, 0, 0) + b"libx\0\0\0\0"
    assert found_in(facts_of(_macho(timed), "a")) == {"timestamp"}


def test_fat_macos_program() -> None:
    part = _macho(UUID)
    head = struct.pack(">II", 0xCAFEBABE, 1) + struct.pack(">5I", 0x01000007, 3, 64, len(part), 0)
    facts = facts_of(head.ljust(64, b"\0") + part, "a")
    assert (facts.format, found_in(facts)) == ("mach-o", {"build-id"})
