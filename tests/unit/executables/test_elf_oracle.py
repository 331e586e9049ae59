"""The facts of ELF files are those that readelf and objdump give."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest
from compiled_files import facts_of, run
from elf_oracle import found, told

LINKS = (("-static",), ("-static-pie",), ("-no-pie",), ("-pie",), ("-shared", "-fPIC"))
BINDINGS = (("-Wl,-z,norelro",), ("-Wl,-z,relro,-z,lazy",), ("-Wl,-z,relro,-z,now",))
KEPT = (("-s",), ("-g",), ("-g", "-gz=zlib", "-Wl,--build-id=none"))
TEXT = "#include <math.h>\nint main(int c, char **v) { return (int)cos((double)c); }"
FOLDERS = (Path("/usr/bin"), Path("/usr/sbin"), Path("/usr/lib/x86_64-linux-gnu"))


@pytest.mark.parametrize("link", LINKS, ids=" ".join)
def test_every_combination_of_flags(tmp_path: Path, link: tuple[str, ...]) -> None:
    (tmp_path / "m.c").write_text(TEXT)
    run("gcc", "-g", "-fPIE" if "-shared" not in link else "-fPIC", "-c", "m.c", cwd=tmp_path)
    for binding, kept in itertools.product(BINDINGS, KEPT):
        more = ("-Wl,-z,execstack", "-Wl,-rpath,$ORIGIN/x") if kept == ("-s",) else ()
        flags = [flag for flag in link if flag != "-fPIC"]
        run("gcc", *flags, *binding, *kept, *more, "-o", "out", "m.o", "-lm", cwd=tmp_path)
        assert found(facts_of(tmp_path / "out")) == told(tmp_path / "out"), (binding, kept)


def _files() -> list[Path]:
    files = [
        path
        for folder in FOLDERS
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.is_file() and not path.is_symlink() and os.access(path, os.R_OK)
    ]
    kept = []
    for path in files:
        with path.open("rb") as stream:
            head = stream.read(18)
        # Programs and libraries of this machine's kind.
        if head.startswith(b"\x7fELF") and head[16] in (2, 3):
            kept.append(path)
    return kept


def compare(paths: list[Path]) -> None:
    assert paths
    for path in paths:
        facts = facts_of(path)
        if facts.linkage is not None:
            assert found(facts) == told(path), path


def test_some_of_the_machine() -> None:
    compare(_files()[::40])


@pytest.mark.prove
def test_all_of_the_machine() -> None:
    compare(_files())
