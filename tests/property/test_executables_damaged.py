"""Whatever stands in a file, looking at it ends with facts: no exception, bounded memory."""

from __future__ import annotations

import io
import random
import struct
import subprocess
import tracemalloc
import zipfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from compiled_files import RULES
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from samebit.executables.inspect import Context, inspect, recognise
from samebit.executables.source import MemorySource

_C = b"int puts(const char*);int main(){return puts(__DATE__ __TIME__ __FILE__);}"


@cache
def seeds() -> Mapping[str, tuple[str, bytes]]:
    """One small healthy file of each format, by name, with its path."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.c").write_bytes(_C)
        for command in (
            "gcc -g -o program a.c",
            "gcc -g3 -gz -gdwarf-4 -c -o object.o a.c",
            "gcc -shared -fPIC -s -o library.so a.c",
            "ar rcU lib.a object.o",
        ):
            subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
        found = {
            path: (path, (folder / path).read_bytes())
            for path in ("program", "object.o", "library.so", "lib.a")
        }
    code = compile("def f():\n  return 1\n", "/home/alice/m.py", "exec")
    import marshal

    pyc = struct.pack("<HHIII", 3495, 0x0A0D, 0, 1700000000, 20) + marshal.dumps(code)
    klass = bytes.fromhex("cafebabe0000003d00030100014101000443") + b"ode" + bytes(14)
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Built-By: alice\r\nX:\r\n  y\r\n")
        archive.writestr("A.class", klass)
        archive.writestr("b/pom.properties", "#Made\n#Tue Nov 14 22:13:20 CET 2023\n")
    go = b"\xff Go buildinf:\x08\x02".ljust(32, b"\0") + b"\x06go1.22\x30" + bytes(16)
    macho = struct.pack("<8I", 0xFEEDFACF, 0x01000007, 3, 2, 1, 24, 0, 0)
    found |= {
        "bytecode": ("m.pyc", pyc),
        "class": ("A.class", klass),
        "jar": ("a.jar", jar.getvalue()),
        "script": ("run", b"#!/usr/bin/env -S a=b python3\n"),
        "macho": ("a", macho + struct.pack("<II", 27, 24) + bytes(16)),
        "pe": ("a.exe", _pe() + go),
    }
    return found


def _pe() -> bytes:
    header = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x8664, 1, 1700000000, 0, 0, 240, 0x22)
    optional = bytearray(240)
    optional[0:2] = b"\x0b\x02"
    optional[112:120] = struct.pack("<II", 0x1000, 64)
    optional[160:168] = struct.pack("<II", 0x1000, 28)
    section = struct.pack("<8sIIIIIIHHI", b".data", 512, 0x1000, 512, 512, 0, 0, 0, 0, 0)
    whole = b"MZ" + bytes(58) + struct.pack("<I", 64) + header + bytes(optional) + section
    debug = struct.pack("<IIHHIIII", 0, 1, 0, 0, 2, 40, 0, 540) + b"RSDS" + bytes(20) + b"C:\\a\0"
    return whole.ljust(512, b"\0") + debug.ljust(512, b"\0")


MAGICS = (b"\x7fELF\x02\x01", b"!<arch>\n", b"PK\x03\x04", b"\xca\xfe\xba\xbe")
NAMES = sorted(("program", "object.o", "library.so", "lib.a", "bytecode", "class", "jar", "script"))
NAMES += ["macho", "pe"]


def look(path: str, data: bytes) -> None:
    known = recognise(data[:64], path.encode())
    if known is not None:
        facts = inspect(MemorySource(data), Context(path.encode(), RULES), known)
        assert all(trace.value.isprintable() for trace in facts.traces)


@pytest.mark.parametrize("name", NAMES)
def test_cut_off_anywhere(name: str) -> None:
    path, data = seeds()[name]
    step = max(1, len(data) // 60)
    for length in [*range(min(300, len(data)), 0, -3), *range(0, len(data), step)]:
        look(path, data[:length])


@pytest.mark.parametrize("name", NAMES)
def test_bytes_changed(name: str) -> None:
    path, data = seeds()[name]
    chance = random.Random(name)
    for _ in range(60):
        changed = bytearray(data)
        for _ in range(chance.choice((1, 2, 8, 64))):
            # Headers are at the start and at the end.
            place = chance.choice((chance.randrange(len(data)), chance.randrange(min(256, len(data))), -chance.randrange(1, min(2048, len(data)))))  # fmt: skip  # noqa: E501
            changed[place] = chance.choice((0, 1, 0x7F, 0xFF, chance.randrange(256)))
        look(path, bytes(changed))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(NAMES), st.data())
def test_numbers_changed(name: str, data: st.DataObject) -> None:
    path, whole = seeds()[name]
    place = data.draw(st.integers(0, max(0, len(whole) - 8)))
    number = data.draw(st.sampled_from((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, len(whole))))
    order = data.draw(st.sampled_from("<>"))
    look(path, whole[:place] + struct.pack(f"{order}I", number) + whole[place + 4 :])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from((b"\x7fELF\x02\x01", b"!<arch>\n", b"PK\x03\x04", b"\xca\xfe\xba\xbe")),
    st.binary(),
)
@example(b"\x7fELF", b"")
def test_anything(magic: bytes, rest: bytes) -> None:
    look("a.jar", magic + rest)


def test_tables_that_are_read_again_and_again(tmp_path: Path) -> None:
    """Units each of which asks for the last declaration of a long table, from another start."""
    declaration = b"\x01\x11\x00\x00\x00"
    (tmp_path / "abbrev").write_bytes(declaration * 100_000 + b"\x7f" + declaration[1:])
    unit = struct.Struct("<IHIBB")
    (tmp_path / "info").write_bytes(
        b"".join(unit.pack(8, 4, 5 * number, 8, 0x7F) for number in range(20_000))
    )
    (tmp_path / "a.c").write_bytes(b"int a;")
    for command in (
        "gcc -c -o a.o a.c",
        "objcopy --add-section .debug_info=info --add-section .debug_abbrev=abbrev a.o",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    data = (tmp_path / "a.o").read_bytes()
    known = recognise(data[:64], b"a.o")
    assert known is not None
    facts = inspect(MemorySource(data), Context(b"a.o", RULES), known)
    (damage,) = [trace.value for trace in facts.traces if trace.finding == "malformed"]
    assert damage == "DWARF: it has too many abbreviations"


@pytest.mark.prove
def test_programs_of_the_machine_cut_and_changed() -> None:
    chance = random.Random(7)
    folders = (Path("/usr/bin"), Path("/usr/lib/x86_64-linux-gnu"))
    paths = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    for path in chance.sample(paths, min(len(paths), 400)):
        data = path.read_bytes()
        if len(data) < 64 or len(data) > 4_000_000:
            continue
        for _ in range(3):
            changed = bytearray(data[: chance.choice((len(data), chance.randrange(len(data))))])
            for _ in range(chance.choice((1, 16, 256))):
                place = chance.randrange(chance.choice((len(data), 512)))
                if place < len(changed):
                    changed[place] = chance.choice((0, 1, 0x7F, 0xFF))
            look(path.name, bytes(changed))


def test_claims_of_size_take_no_memory() -> None:
    path, data = seeds()["object.o"]
    header = bytearray(data)
    # A section table of 4 GiB, in a file of a few kilobytes.
    header[60:62] = b"\0\0"
    first = int.from_bytes(header[40:48], "little")
    header[first + 32 : first + 40] = (1 << 32).to_bytes(8, "little")
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("META-INF/MANIFEST.MF", bytes(200 << 20))
    tracemalloc.start()
    look(path, bytes(header))
    look("a.jar", bomb.getvalue())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20
