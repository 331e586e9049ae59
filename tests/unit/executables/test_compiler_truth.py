"""What is told of Go, Rust, C++ and Java programs, flag by flag, against the toolchains' own tools.

They need packages that `make test` does not: tools/debian-packages-prove.txt.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from compiled_files import facts_of, found_in, run, values_of
from elf_oracle import found as as_samebit
from elf_oracle import told

from samebit.model.audit import Policy
from samebit.pipeline.audit import AuditRequest, audit
from samebit.pipeline.strip import strip_file

pytestmark = pytest.mark.prove

EXAMPLE = Path(__file__).parents[3] / "examples" / "go-service"
CGO, VCS, TRIM, STRIP, NO_DWARF, NO_ID = (
    "CGO_ENABLED=0", "-buildvcs=false", "-trimpath", "-s", "-w", "-buildid=''",
)  # fmt: skip
ALL = (CGO, VCS, TRIM, STRIP, NO_DWARF, NO_ID)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git checkout of the example, with a cache that all builds share."""
    checkout = tmp_path_factory.mktemp("go") / "checkout"
    checkout.mkdir()
    for path in (EXAMPLE / "go.mod", *EXAMPLE.glob("*.go")):
        (checkout / path.name).write_bytes(path.read_bytes())
    run("git", "init", "--quiet", cwd=checkout)
    run("git", "add", "--all", cwd=checkout)
    author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    run("git", *author, "commit", "--quiet", "--message", "all", cwd=checkout)
    return checkout


def build_go(checkout: Path, flags: tuple[str, ...]) -> Path:
    cache = checkout.parent / "cache"
    out = checkout.parent / "".join(char for char in "".join(flags) if char.isalnum())
    linker = " ".join(flag for flag in (STRIP, NO_DWARF, NO_ID) if flag in flags)
    options = [flag for flag in (TRIM,) if flag in flags]
    # In a checkout the stamp is the default; a machine's own settings shall not decide.
    options.append(VCS if VCS in flags else "-buildvcs=true")
    run(
        "go", "build", *options, "-ldflags", linker, "-o", out, ".",
        cwd=checkout, CGO_ENABLED="0" if CGO in flags else "1", GOCACHE=str(cache), GOFLAGS="",
    )  # fmt: skip
    return out


def refused(path: Path, policy: Policy = Policy.SEALED) -> set[str]:
    report = audit(AuditRequest(str(path), policy))
    return {x.code for file in report.files for x in file.findings if x.violation}


def test_the_flags_are_the_examples() -> None:
    """What is built here is what the example's Dockerfile says, flag by flag."""
    (line,) = re.findall(
        r"^RUN (.* go build .*)$", (EXAMPLE / "Dockerfile").read_text(), re.MULTILINE
    )
    words = shlex.split(line)
    linker = words.pop(words.index("-ldflags") + 1)
    assert words == [CGO, "go", "build", VCS, TRIM, "-ldflags", "-o", "/out/service", "."]
    assert linker.split(" ") == [STRIP, NO_DWARF, NO_ID]


def test_the_example_is_sealed(service: Path) -> None:
    out = build_go(service, ALL)
    assert refused(out) == set()
    facts = facts_of(out)
    assert facts.linking is not None
    assert facts.linking.value == "static"
    shown = run("go", "version", "-m", out, cwd=service)
    version = re.search(r": (go\S+)", shown)
    assert version is not None
    assert f"Go {version[1]}" in facts.toolchain
    told = [value for name, value in facts.details if name == "go build"]
    # Long ones are cut.
    for line in re.findall(r"^\tbuild\t(.*)$", shown, re.MULTILINE):
        assert any(
            value.removesuffix("...") == line[: len(value.removesuffix("..."))] for value in told
        )


@pytest.mark.parametrize(
    ("without", "expected", "deterministic"),
    [
        (CGO, {"library-missing", "interpreter-missing"}, set()),
        (VCS, {"vcs-stamp"}, {"vcs-stamp"}),
        (TRIM, {"build-path"}, {"build-path"}),
        (STRIP, {"symbols"}, set()),
        # -s means -w.
        (NO_DWARF, set(), set()),
        (NO_ID, {"build-id"}, {"build-id"}),
    ],
)
def test_what_comes_back_without_a_flag(
    service: Path, without: str, expected: set[str], deterministic: set[str]
) -> None:
    out = build_go(service, tuple(flag for flag in ALL if flag != without))
    assert as_samebit(facts_of(out)) == told(out)
    assert refused(out) == expected
    assert refused(out, Policy.DETERMINISTIC) == deterministic
    if without == TRIM:
        assert str(service) in values_of(facts_of(out), "build-path")
    if without == NO_ID:
        identity = run("go", "tool", "buildid", out, cwd=service).strip()
        assert ("go", identity) in facts_of(out).build_ids


def test_a_plain_go_build(service: Path) -> None:
    found = refused(build_go(service, (CGO,)))
    assert found == {"vcs-stamp", "build-path", "symbols", "debug-info", "build-id"}


RUST = 'fn main() { let n = std::env::args().count(); if n > 9 { panic!("too many: {}", n) } }'


def build_rust(folder: Path, *flags: str) -> Path:
    (folder / "main.rs").write_text(RUST)
    run("rustc", "-O", *flags, folder / "main.rs", "-o", "out", cwd=folder)
    return folder / "out"


def betrayed(path: Path, folder: Path) -> set[str]:
    """Give the findings that the tools' answers, and the bytes themselves, ask for."""
    facts = told(path)
    assert as_samebit(facts_of(path)) == facts
    reasons = {
        "symbols": not facts["stripped"],
        "debug-info": facts["debug"],
        "build-id": facts["build IDs"],
        "build-path": str(folder).encode() in path.read_bytes(),
    }
    return {finding for finding, reason in reasons.items() if reason}


def combinations(*choices: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Give every way to leave flags out."""
    return [
        tuple(flag for part in chosen for flag in part.split())
        for chosen in itertools.product(*(("", *choice) for choice in choices))
    ]


@pytest.mark.parametrize("static", ["", "-C target-feature=+crt-static"])
def test_rust_flag_by_flag(tmp_path: Path, static: str) -> None:
    for flags in combinations(
        ("-C strip=symbols", "-C strip=debuginfo"),
        ("-g",),
        ("-C link-arg=-Wl,--build-id=none", "-C link-arg=-Wl,--build-id=sha1"),
        (f"--remap-path-prefix={tmp_path}=.",),
    ):
        out = build_rust(tmp_path, *flags, *static.split())
        assert found_in(facts_of(out)) == betrayed(out, tmp_path), flags


CXX = """\
#include <cstdio>
#include <vector>
int main(int c, char **) { std::puts(__FILE__); return std::vector<int>(9).at(c); }
"""


@pytest.mark.parametrize("static", ["", "-static", "-static-libstdc++"])
def test_cxx_flag_by_flag(tmp_path: Path, static: str) -> None:
    source = tmp_path / "m.cc"
    source.write_text(CXX)
    for flags in combinations(
        ("-s",),
        ("-g", "-gdwarf-4"),
        ("-Wl,--build-id=none", "-Wl,--build-id=sha1"),
        (f"-ffile-prefix-map={tmp_path}=.",),
    ):
        run("g++", "-O1", *flags, *static.split(), "-o", "out", source, cwd=tmp_path)
        out = tmp_path / "out"
        assert found_in(facts_of(out)) == betrayed(out, tmp_path), flags


def test_rust(tmp_path: Path) -> None:
    quiet = (
        "-C", "strip=symbols", "-C", "link-arg=-Wl,--build-id=none",
        f"--remap-path-prefix={tmp_path}=.",
    )  # fmt: skip
    facts = facts_of(build_rust(tmp_path, *quiet))
    assert facts.traces == ()
    assert facts.language == "rust"
    version = run("rustc", "--version", cwd=tmp_path).strip().split(" ")[1]
    # Debian's rustc 1.63 leaves no note: paths of its library tell the version.
    assert any(line.startswith(f"rustc version {version}") for line in facts.toolchain)
    facts = facts_of(build_rust(tmp_path, *quiet[:-1]))
    assert values_of(facts, "build-path") == [f"{tmp_path}/main.rs"]
    facts = facts_of(build_rust(tmp_path, *quiet[:2], quiet[-1]))
    assert found_in(facts) == ({"build-id"} if facts.build_ids else set())
    facts = facts_of(build_rust(tmp_path, *quiet[2:]))
    assert found_in(facts) >= {"symbols"}


def panics(program: Path) -> str:
    # A backtrace would name functions, which is what stripping takes away.
    environment = {**os.environ, "RUST_BACKTRACE": "0"}
    done = subprocess.run([program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode in (2, 101)
    return done.stderr


def test_a_stripped_rust_program_still_panics(tmp_path: Path) -> None:
    (tmp_path / "p.rs").write_text('fn main() { panic!("boom {}", std::env::args().count()) }')
    run("rustc", "-g", "p.rs", "-o", "p", cwd=tmp_path)
    before = panics(tmp_path / "p")
    assert "boom 1" in before
    strip_file(tmp_path / "p")
    assert not found_in(facts_of(tmp_path / "p")) & {"symbols", "debug-info", "build-id"}
    # The number of the thread differs from run to run.
    assert re.sub(r"\(\d+\)", "", panics(tmp_path / "p")) == re.sub(r"\(\d+\)", "", before)


def test_a_stripped_go_program_still_panics(service: Path, tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module example.org/p\n\ngo 1.18\n")
    text = 'package main\n\nfunc main() { var m map[string]int; m["boom"] = 1 }\n'
    (tmp_path / "main.go").write_text(text)
    cache = str(service.parent / "cache")
    run("go", "build", "-o", "p", ".", cwd=tmp_path, GOCACHE=cache, GOFLAGS="", CGO_ENABLED="0")
    before = panics(tmp_path / "p")
    assert "assignment to entry in nil map" in before
    strip_file(tmp_path / "p")
    assert not found_in(facts_of(tmp_path / "p")) & {"symbols", "debug-info", "build-id"}
    # The trace, with functions and lines, is made of tables that are loaded.
    assert panics(tmp_path / "p") == before
    assert "go1" in run("go", "version", "-m", "p", cwd=tmp_path)


def test_cxx(tmp_path: Path) -> None:
    (tmp_path / "m.cc").write_text(
        "#include <vector>\nint main() { return std::vector<int>(9).at(2); }"
    )
    run("g++", "-O1", "-s", "-Wl,--build-id=none", "-o", "out", "m.cc", cwd=tmp_path)
    facts = facts_of(tmp_path / "out")
    assert facts.traces == ()
    assert facts.linkage is not None
    assert b"libstdc++.so.6" in facts.linkage.needed
    run("g++", "-g", "-Wl,--build-id=none", "-o", "out", "m.cc", cwd=tmp_path)
    assert found_in(facts_of(tmp_path / "out")) == {"symbols", "debug-info", "build-path"}


JAVA = "public class A { long x = 5L; public static void main(String[] a) { int q = a.length; } }"


@pytest.mark.parametrize("flag", ["-g:none", "-g:source", "-g:lines", "-g:vars", "-g"])
def test_java_class(tmp_path: Path, flag: str) -> None:
    (tmp_path / "A.java").write_text(JAVA)
    run("javac", flag, "A.java", cwd=tmp_path)
    facts = facts_of(tmp_path / "A.class")
    shown = run("javap", "-v", "-l", "A.class", cwd=tmp_path)
    tables = {name for name in ("LineNumberTable", "LocalVariableTable") if f"{name}:" in shown}
    told = {name for value in values_of(facts, "debug-info") for name in value.split(", ")}
    assert told == tables
    assert (("SourceFile", "A.java") in facts.details) is ("SourceFile:" in shown)
    major = re.search(r"major version: (\d+)", shown)
    assert major is not None
    assert facts.toolchain == (f"Java {int(major[1]) - 44}",)


def test_java_archive(tmp_path: Path) -> None:
    (tmp_path / "A.java").write_text(JAVA)
    run("javac", "-g:none", "A.java", cwd=tmp_path)
    run("jar", "--create", "--file", "a.jar", "A.class", cwd=tmp_path)
    facts = facts_of(tmp_path / "a.jar")
    assert found_in(facts) == {"timestamp"}
    assert any(line.startswith("Created-By: ") for line in facts.toolchain)
    run(
        "jar", "--create", "--date", "2023-11-14T22:13:20Z", "--file", "a.jar", "A.class",
        cwd=tmp_path,
    )  # fmt: skip
    assert facts_of(tmp_path / "a.jar", epoch=1700000000).traces == ()
