"""What is told of C programs, with and without each flag, against readelf."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from compiled_files import facts_of, found_in, run, values_of

from samebit.model.executable import Executable

QUIET = ("-Wl,--build-id=none", "-s", "-O1")
PLAIN = "int puts(const char *); int main(void) { return puts(TEXT) < 0; }"
LIBRARY = "int answer(void) { return 42; }"

Compile = Callable[..., Path]


@pytest.fixture
def compile_c(tmp_path: Path) -> Compile:
    """Compile a text with flags, in a folder that no other test has."""

    def compiled(*flags: str, text: str = PLAIN, source: str = "main.c", **env: str) -> Path:
        folder = tmp_path / "src"
        folder.mkdir(exist_ok=True)
        (folder / "main.c").write_text(text)
        if not any(flag.startswith("-DTEXT") for flag in flags):
            flags = (*flags, '-DTEXT="hello"')
        run("gcc", *flags, "-o", "out", source, cwd=folder, **env)
        return folder / "out"

    return compiled


def readelf(path: Path, flag: str) -> str:
    return run("readelf", flag, "--wide", path, cwd=path.parent)


def test_nothing_to_find(compile_c: Compile) -> None:
    facts = facts_of(compile_c(*QUIET))
    assert facts.traces == ()
    assert facts.stripped is True
    assert facts.language == "c"
    assert facts.toolchain[0].startswith("GCC: ")
    assert facts.linkage is not None
    assert facts.linkage.needed == (b"libc.so.6",)


def test_build_id_is_what_readelf_shows(compile_c: Compile) -> None:
    out = compile_c("-Wl,--build-id=sha1", "-s")
    facts = facts_of(out)
    shown = re.search(r"Build ID: ([0-9a-f]+)", readelf(out, "--notes"))
    assert shown is not None
    assert facts.build_ids == (("gnu", shown[1]),)
    assert values_of(facts, "build-id") == [f"GNU {shown[1]}"]
    assert found_in(facts) == {"build-id"}


def test_symbols(compile_c: Compile) -> None:
    out = compile_c("-Wl,--build-id=none")
    facts = facts_of(out)
    counted = re.search(r"'\.symtab' contains (\d+) entries", readelf(out, "--syms"))
    assert counted is not None
    assert values_of(facts, "symbols") == [f"{counted[1]} symbols"]
    assert found_in(facts) == {"symbols"}
    assert facts.stripped is False


@pytest.mark.parametrize("version", ["2", "3", "4", "5"])
@pytest.mark.parametrize("packed", ["none", "zlib"])
def test_debug_information_names_the_folder(compile_c: Compile, version: str, packed: str) -> None:
    out = compile_c("-Wl,--build-id=none", f"-gdwarf-{version}", f"-gz={packed}")
    facts = facts_of(out)
    assert facts.debug
    assert found_in(facts) == {"symbols", "debug-info", "build-path"}
    assert str(out.parent) in values_of(facts, "build-path")
    producer = re.search(r"DW_AT_producer\s*:.*?(GNU C17 .*)", readelf(out, "--debug-dump=info"))
    assert producer is not None
    assert producer[1].strip() in facts.toolchain


def test_mapped_debug_information_names_no_folder(compile_c: Compile, tmp_path: Path) -> None:
    out = compile_c(
        "-Wl,--build-id=none", "-g", f"-ffile-prefix-map={tmp_path / 'src'}=.",
        "-gno-record-gcc-switches",
    )  # fmt: skip
    assert found_in(facts_of(out)) == {"symbols", "debug-info"}


def test_path_of_the_source_in_the_text(compile_c: Compile, tmp_path: Path) -> None:
    source = str(tmp_path / "src" / "main.c")
    out = compile_c(*QUIET, "-DTEXT=__FILE__", source=source)
    assert values_of(facts_of(out), "build-path") == [source]
    assert facts_of(compile_c(*QUIET, "-DTEXT=__FILE__")).traces == ()


@pytest.mark.parametrize(
    ("expression", "pattern"),
    [
        ("__DATE__", r"[A-Z][a-z]{2} [ \d]\d \d{4}"),
        ("__TIME__", r"\d\d:\d\d:\d\d"),
        ('"built " __DATE__ " at " __TIME__', r"[A-Z][a-z]{2} [ \d]\d \d{4} \d\d:\d\d:\d\d"),
    ],
)
def test_time_of_the_build(compile_c: Compile, expression: str, pattern: str) -> None:
    out = compile_c(*QUIET, f"-DTEXT={expression}", SOURCE_DATE_EPOCH="1700000001")
    facts = facts_of(out)
    (value,) = values_of(facts, "timestamp")
    assert re.fullmatch(pattern, value)
    assert found_in(facts) == {"timestamp"}
    # A time that the build agreed upon is no trace.
    assert facts_of(out, epoch=1700000001).traces == ()
    assert found_in(facts_of(out, epoch=1600000000)) == {"timestamp"}


@pytest.mark.parametrize(
    "text",
    [
        "12:00:00",
        "23:59:59",
        "Jan  1 1970",
        "1999-12-31 23:59:58",
        "/tmp/socket",
        "/etc/conf.d",
        "/home/",
        "https://example.org/home/alice/main.c",
        "../lib/main.c",
        "src/main.c",
        "/usr/include/stdio.h",
        "/root/.profile",
        "v1.2.3-rc1-good",
        "1.2.3-4",
    ],
)
def test_no_false_alarm(compile_c: Compile, text: str) -> None:
    assert facts_of(compile_c(*QUIET, f'-DTEXT="{text}"')).traces == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("/home/alice/project/data", "build-path"),
        ("/home/alice/project/data", "user-name"),
        ("/root/.cargo/registry/src/x", "build-path"),
        ("/builds/group/project/data", "build-path"),
        ("v1.2.3-14-gdeadbee", "vcs-stamp"),
        ("1.0-3-g0123456789ab-dirty", "vcs-stamp"),
    ],
)
def test_texts_of_a_build(compile_c: Compile, text: str, code: str) -> None:
    assert code in found_in(facts_of(compile_c(*QUIET, f'-DTEXT="{text}"')))


@pytest.mark.parametrize(
    ("flags", "linking", "pie"),
    [
        (("-static",), "static", "no"),
        (("-static-pie",), "static-pie", "yes"),
        (("-no-pie",), "dynamic", "no"),
        (("-pie",), "dynamic", "yes"),
    ],
)
def test_linking(compile_c: Compile, flags: tuple[str, ...], linking: str, pie: str) -> None:
    out = compile_c(*QUIET, *flags)
    facts = facts_of(out)
    assert facts.linking is not None
    assert (facts.linking.value, dict(facts.hardening)["pie"]) == (linking, pie)
    assert facts.kind == "executable"
    shown = readelf(out, "--program-headers")
    assert ("Requesting program interpreter" in shown) is (linking == "dynamic")
    assert facts.traces == ()


def test_library(compile_c: Compile) -> None:
    out = compile_c(
        *QUIET, "-shared", "-fPIC", "-Wl,-soname,liba.so.1", "-Wl,-rpath,$ORIGIN/../x",
        text=LIBRARY,
    )  # fmt: skip
    facts = facts_of(out)
    assert facts.kind == "shared library"
    assert facts.linkage is not None
    assert facts.linkage.soname == b"liba.so.1"
    assert facts.linkage.runpath == b"$ORIGIN/../x"
    assert facts.traces == ()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (("-Wl,-z,norelro",), {"relro": "no"}),
        (("-Wl,-z,relro,-z,lazy",), {"relro": "partial"}),
        (("-Wl,-z,relro,-z,now",), {"relro": "full"}),
        (("-Wl,-z,execstack",), {"nx": "no"}),
        (("-Wl,-z,noexecstack",), {"nx": "yes"}),
        (("-fstack-protector-all",), {"canary": "yes"}),
        (("-fno-stack-protector",), {"canary": "no"}),
        (("-O2", "-D_FORTIFY_SOURCE=2"), {"fortify": "yes"}),
        (("-O2", "-U_FORTIFY_SOURCE"), {"fortify": "no"}),
    ],
)
def test_hardening(compile_c: Compile, flags: tuple[str, ...], expected: dict[str, str]) -> None:
    text = (
        "#include <stdio.h>\n#include <string.h>\nint main(int c, char **v)"
        "{ char b[64]; strcpy(b, v[0]); return c + puts(b); }"
    )
    found = dict(facts_of(compile_c(*QUIET, *flags, text=text)).hardening)
    assert {name: found[name] for name in expected} == expected


def test_object(compile_c: Compile) -> None:
    out = compile_c("-g", "-c")
    facts = facts_of(out)
    assert facts.kind == "object"
    # Its symbols are what the linker needs.
    assert found_in(facts) == {"debug-info", "build-path"}
    # What its relocations point to is read, too.
    assert values_of(facts, "build-path") == [str(out.parent)]


def test_link_to_debug_information(compile_c: Compile) -> None:
    out = compile_c("-g", "-Wl,--build-id=none")
    run("objcopy", "--only-keep-debug", out, "out.debug", cwd=out.parent)
    run("strip", "--strip-all", out, cwd=out.parent)
    run("objcopy", "--add-gnu-debuglink=out.debug", out, cwd=out.parent)
    assert values_of(facts_of(out), "build-id") == ["debug link out.debug"]
    separate = facts_of(out.parent / "out.debug")
    assert separate.kind == "separate debug information"
    assert separate.linking is None


def _without_sections(data: bytes) -> bytes:
    cleared = bytearray(data)
    cleared[40:48] = bytes(8)
    cleared[58:64] = bytes(6)
    return bytes(cleared)


def test_without_section_headers(compile_c: Compile) -> None:
    data = compile_c("-Wl,--build-id=sha1", "-s", "-DTEXT=__DATE__").read_bytes()
    facts: Executable = facts_of(_without_sections(data))
    assert found_in(facts) == {"build-id", "timestamp"}
    assert facts.linkage is not None
    assert facts.linkage.needed == (b"libc.so.6",)
