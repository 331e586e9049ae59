"""Stripped files run, link and load as before, and carry nothing that was to go."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from compiled_files import facts_of, found_in, run

from samebit.errors import InputError
from samebit.executables.source import FormatError, MemorySource
from samebit.executables.strip import strip
from samebit.executables.strip_elf import CannotStripError
from samebit.pipeline.strip import strip_file

MAIN = '#include <stdio.h>\nint answer(void);\nint main(void) { printf("%d\\n", answer()); }\n'
LIBRARY = "int answer(void) { return 42; }\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.c").write_text(MAIN)
    (tmp_path / "answer.c").write_text(LIBRARY)
    return tmp_path


def loaded(path: Path) -> list[tuple[str, ...]]:
    """Addresses, offsets, sizes and contents of what is loaded, but for notes; by readelf."""
    shown = run("readelf", "--section-headers", "--wide", path, cwd=path.parent)
    found = []
    for line in shown.splitlines():
        row = re.match(r"\s*\[\s*(\d+)\] (\S+)\s+(\S+)\s+(\S+) (\S+) (\S+) \S+\s+(\S*A\S*) ", line)
        if row:
            number, name, kind, address, offset, size, _ = row.groups()
            content = b""
            if kind not in ("NOBITS", "NOTE"):
                start = int(offset, 16)
                content = path.read_bytes()[start : start + int(size, 16)]
            place = "" if kind == "NOBITS" else offset
            found.append((number, name, kind, address, place, size, content.hex()))
    assert found
    return found


@pytest.mark.parametrize(
    "flags",
    [
        ("-g",),
        ("-g", "-static"),
        ("-g", "-static-pie"),
        ("-g", "-no-pie", "-Wl,-z,separate-code"),
        ("-g", "-gz=zlib", "-Wl,--emit-relocs"),
        ("-g", "-Wl,-z,noseparate-code", "-Wl,--build-id=uuid"),
        ("-s", "-Wl,--build-id=none"),
    ],
)
def test_program(folder: Path, flags: tuple[str, ...]) -> None:
    run("gcc", *flags, "-o", "out", "main.c", "answer.c", cwd=folder)
    out = folder / "out"
    before, size = loaded(out), out.stat().st_size
    done = strip_file(out)
    assert (done.before, done.after) == (size, out.stat().st_size)
    assert run(out, cwd=folder) == "42\n"
    assert loaded(out) == before
    facts = facts_of(out)
    assert found_in(facts) == set()
    assert facts.stripped is True
    checked = subprocess.run(
        ["readelf", "--all", "--wide", out], capture_output=True, text=True, check=True
    )
    assert "arning" not in checked.stderr + checked.stdout, checked.stderr
    # Doing it again changes nothing.
    assert strip_file(out).after == done.after
    reference = folder / "reference"
    run("strip", "--strip-all", "-R", ".comment", "-o", reference, out, cwd=folder)
    assert run(reference, cwd=folder) == "42\n"
    assert done.after <= reference.stat().st_size + 4096


def test_two_builds_that_differ_in_what_goes(folder: Path) -> None:
    results = []
    for name in ("one", "two"):
        place = folder / name
        place.mkdir()
        for source in ("main.c", "answer.c"):
            (place / source).write_bytes((folder / source).read_bytes())
        run("gcc", "-g", "-o", "out", place / "main.c", place / "answer.c", cwd=place)
        strip_file(place / "out")
        results.append((place / "out").read_bytes())
    assert results[0] == results[1]


def test_shared_library(folder: Path) -> None:
    run("gcc", "-g", "-shared", "-fPIC", "-o", "libanswer.so", "answer.c", cwd=folder)
    strip_file(folder / "libanswer.so")
    assert found_in(facts_of(folder / "libanswer.so")) == set()
    run("gcc", "-o", "out", "main.c", "-L.", "-lanswer", "-Wl,-rpath,$ORIGIN", cwd=folder)
    assert run("./out", cwd=folder) == "42\n"


@pytest.mark.parametrize("flags", [("-g",), ("-g3", "-gz", "-ffunction-sections", "-O2")])
def test_objects_and_static_library(folder: Path, flags: tuple[str, ...]) -> None:
    run("gcc", *flags, "-c", "answer.c", "-o", "an_object_with_a_long_name.o", cwd=folder)
    run("gcc", *flags, "-c", "main.c", cwd=folder)
    run("ar", "rcsU", "lib.a", "main.o", "an_object_with_a_long_name.o", cwd=folder)
    strip_file(folder / "lib.a")
    assert found_in(facts_of(folder / "lib.a")) == set()
    listed = run("nm", "--print-armap", "lib.a", cwd=folder)
    assert "answer in an_object_with_a_long_name.o" in listed
    run("gcc", "-o", "out", "-Wl,--undefined=main", "lib.a", cwd=folder)
    assert run("./out", cwd=folder) == "42\n"
    again = (folder / "lib.a").read_bytes()
    assert strip_file(folder / "lib.a").after == len(again)
    strip_file(folder / "main.o")
    run("gcc", "-o", "out", "main.o", "an_object_with_a_long_name.o", cwd=folder)
    assert run("./out", cwd=folder) == "42\n"


def test_appended_data_stays(folder: Path) -> None:
    run("gcc", "-g", "-o", "out", "main.c", "answer.c", cwd=folder)
    out = folder / "out"
    out.write_bytes(out.read_bytes() + b"a payload that the program reads")
    before = out.read_bytes()
    with pytest.raises(InputError, match="carries data behind its last section"):
        strip_file(out)
    assert out.read_bytes() == before
    assert [path.name for path in folder.iterdir() if "samebit" in path.name] == []


def test_section_of_ones_own_stays(folder: Path) -> None:
    run("gcc", "-g", "-o", "out", "main.c", "answer.c", cwd=folder)
    (folder / "payload").write_bytes(b"PAYLOAD" * 100)
    run("objcopy", "--add-section", ".payload=payload", "out", cwd=folder)
    strip_file(folder / "out")
    run("objcopy", "--dump-section", ".payload=dumped", "out", cwd=folder)
    assert (folder / "dumped").read_bytes() == b"PAYLOAD" * 100
    assert run("./out", cwd=folder) == "42\n"


def test_what_is_no_executable(folder: Path) -> None:
    with pytest.raises(InputError, match="neither an ELF file nor a static library"):
        strip_file(folder / "main.c")
    with pytest.raises(InputError, match="No such file"):
        strip_file(folder / "none")


def test_mode_stays(folder: Path) -> None:
    run("gcc", "-g", "-o", "out", "main.c", "answer.c", cwd=folder)
    (folder / "out").chmod(0o4710)
    (folder / "link").symlink_to("out")
    strip_file(folder / "link")
    assert (folder / "link").is_symlink()
    assert (folder / "out").stat().st_mode & 0o7777 == 0o4710


def test_damaged_files_end_in_a_known_error(folder: Path) -> None:
    run("gcc", "-g", "-c", "answer.c", cwd=folder)
    run("ar", "rcsU", "lib.a", "answer.o", cwd=folder)
    run("gcc", "-g", "-o", "out", "main.c", "answer.c", cwd=folder)

    def try_strip(data: bytes) -> None:
        ignore: Callable[[bytes], object] = len
        try:
            strip(MemorySource(data), ignore)
        except (FormatError, CannotStripError):
            return

    for name in ("answer.o", "lib.a", "out"):
        data = (folder / name).read_bytes()
        for length in range(0, len(data), max(1, len(data) // 150)):
            try_strip(data[:length])
        for place in range(0, len(data), max(1, len(data) // 400)):
            try_strip(data[:place] + b"\xff\xff\xff\x7f" + data[place + 4 :])
