"""Names of debug information: in one order, whatever order a compiler's hash table had them in."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest
from compiled_files import run
from hypothesis import given
from hypothesis import strategies as st
from normalising import named, rewritten

from samebit.executables.dwarf_references import references
from samebit.executables.elf_file import read_elf
from samebit.executables.source import MemorySource
from samebit.formats.elf_names import in_order

MODULE = named("python/extension-paths")
AT = b"usr/lib/python3/site-packages/fast.so"
# Enough for GCC's table to have them in several orders.
OFFSET = re.compile(r"offset: (0x)?[0-9a-f]+")
FOLDERS = ("ab_cd123", "zzzz9999", "q0w9e8r7", "k_k_k_k_", "12345678", "m3n4o5p6")


def module(folder: Path, *flags: str) -> bytes:
    """Compile two files with headers of their own, one of them in a folder below."""
    (folder / "src").mkdir(parents=True)
    (folder / "one.h").write_text("static inline int one(int a) { return a + 1; }\n")
    (folder / "src/two.h").write_text("static inline int two(int a) { return a * 2; }\n")
    (folder / "one.c").write_text('#include "one.h"\nint first(int a) { return one(a); }\n')
    (folder / "src/two.c").write_text(
        '#include <stdlib.h>\n#include "two.h"\nint second(int a) { return abs(two(a)); }\n'
    )
    for source in ("one", "src/two"):
        run("gcc", "-c", "-fPIC", "-g", *flags, "-o", f"{source}.o", f"{source}.c", cwd=folder)
    linked = ("-shared", "-Wl,--build-id", "-o", "fast.so", "one.o", "src/two.o")
    run("gcc", *linked, cwd=folder)
    return (folder / "fast.so").read_bytes()


def modules(tmp_path: Path, *flags: str) -> list[bytes]:
    """Compile in folders that differ by the random part of their name only."""
    found = []
    for number, name in enumerate(FOLDERS):
        at = tmp_path / str(number)
        data = module(at / f"pip-req-build-{name}", *flags)
        found.append(data.replace(str(at).encode(), str(tmp_path / "0").encode()))
    return found


def dumped(tmp_path: Path, data: bytes, what: str) -> str:
    path = tmp_path / "read.so"
    path.write_bytes(data)
    told = subprocess.run(
        ["readelf", "--wide", f"--debug-dump={what}", path],
        check=True,
        capture_output=True,
        text=True,
    )
    assert not told.stderr
    return told.stdout


@pytest.mark.parametrize("flags", [("-gdwarf-5",), ("-gdwarf-4", "-O2")])
def test_modules_of_many_folders_are_equal(tmp_path: Path, flags: tuple[str, ...]) -> None:
    built = modules(tmp_path, *flags)
    results = {rewritten(MODULE, data, AT) for data in built}
    assert len(results) == 1
    (result,) = results
    assert rewritten(MODULE, result, AT) == result
    for what in ("decodedline", "info"):
        before, after = (
            OFFSET.sub("", dumped(tmp_path, data, what)) for data in (built[0], result)
        )
        assert "one.c" in before
        assert after == before.replace(FOLDERS[0], "00000000")


def test_names_are_in_order_and_each_is_referred_to_as_before(tmp_path: Path) -> None:
    data = module(tmp_path / "pip-req-build-ab_cd123", "-gdwarf-5")
    result = rewritten(MODULE, data, AT)

    def names(of: bytes) -> tuple[bytes, list[bytes]]:
        elf = read_elf(MemorySource(of))
        section = elf.section(b".debug_line_str")
        assert section is not None
        content = elf.content(section)
        found = references(elf, b".debug_line_str")
        assert found
        return content, [content[at : content.index(b"\0", at)] for _, _, at in found]

    content, referred = names(result)
    texts = content.split(b"\0")[:-1]
    assert texts == sorted(texts)
    old, old_referred = names(data)
    assert sorted(old.replace(b"ab_cd123", b"00000000").split(b"\0")[:-1]) == texts
    assert referred == [name.replace(b"ab_cd123", b"00000000") for name in old_referred]


def test_what_might_be_missed_stays_in_its_order(tmp_path: Path) -> None:
    folder = tmp_path / "pip-req-build-ab_cd123"
    module(folder, "-gdwarf-5")
    data = (folder / "one.o").read_bytes()
    offset = data.index(b"ab_cd123")
    patches = [(offset, b"00000000")]
    assert in_order(io.BytesIO(data), len(data), patches) == patches
    packed = module(tmp_path / "2/pip-req-build-ab_cd123", "-gdwarf-5", "-gz")
    assert in_order(io.BytesIO(packed), len(packed), [(64, b"0")]) == [(64, b"0")]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sample")
    versions = ("-gdwarf-4", "-gdwarf-5")
    return {v: module(folder / v / "pip-req-build-ab_cd123", v) for v in versions}


@given(data=st.data())
def test_damage_is_survived(samples: dict[str, bytes], data: st.DataObject) -> None:
    sample = samples[data.draw(st.sampled_from(sorted(samples)))]
    elf = read_elf(MemorySource(sample))
    name = data.draw(
        st.sampled_from([b".debug_info", b".debug_line", b".debug_abbrev", b".debug_str"])
    )
    section = elf.section(name)
    assert section is not None
    damaged = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        at = section.offset + data.draw(st.integers(0, section.size - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    result = rewritten(MODULE, bytes(damaged), AT)
    assert len(result) == len(sample)
