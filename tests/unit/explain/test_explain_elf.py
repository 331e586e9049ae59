"""What compilers and linkers leave in programs: made here by the real ones."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from compiled_files import run
from explained import explained, only_cause

from samebit.model.explanation import Cause, Confidence

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
MAIN = "int main(void) { return 0; }\n"


def compiled(folder: Path, *options: str, source: str = MAIN, name: str = "main.c") -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(source)
    run("gcc", *options, "-o", "out", name, cwd=folder)
    return (folder / "out").read_bytes()


def named(a: bytes, b: bytes) -> dict[str, Cause]:
    return {cause.name: cause for cause in explained(a, b).causes}


def test_the_directory_in_debug_information(tmp_path: Path) -> None:
    a, b = (compiled(tmp_path / name, "-g", "-Wl,--build-id=sha1") for name in ("one", "other"))
    cause = only_cause(a, b)
    assert (cause.name, cause.confidence) == ("elf/debug-paths", Confidence.CERTAIN)
    assert cause.evidence[0].a.endswith("/one")
    assert cause.evidence[0].b.endswith("/other")


def test_a_build_id_alone_is_a_cause_and_otherwise_follows(tmp_path: Path) -> None:
    a, b = (compiled(tmp_path / "same", "-Wl,--build-id=uuid") for _ in range(2))
    cause = only_cause(a, b)
    assert (cause.name, cause.confidence) == ("elf/build-id", Confidence.CERTAIN)
    assert len(cause.evidence[0].a) == 32
    other = compiled(tmp_path / "b", "-Wl,--build-id=sha1", source=MAIN.replace("0", "1"))
    plain = compiled(tmp_path / "a", "-Wl,--build-id=sha1")
    # Other code, and nothing says why.
    assert explained(plain, other).causes == ()
    assert explained(plain, other).unexplained == 1


def test_a_time_and_a_path_in_the_data(tmp_path: Path) -> None:
    source = 'const char *built = "2026-05-0{} 1{}:00:01";\nint main(void) {{ return 0; }}\n'
    a, b = (
        compiled(tmp_path / "same", source=source.format(day, hour))
        for day, hour in ((4, 0), (5, 1))
    )
    cause = only_cause(a, b)
    assert (cause.name, cause.evidence[0].member) == ("clock/text", ".rodata")


def test_the_random_number_of_link_time_optimisation(tmp_path: Path) -> None:
    source = "static int hidden(int n) { return n * 3; }\nint shown(int n) { return hidden(n); }\n"
    a, b = (compiled(tmp_path / "same", "-flto", "-c", source=source) for _ in range(2))
    cause = only_cause(a, b)
    assert (cause.name, cause.confidence) == ("elf/lto-seed", Confidence.CERTAIN)
    seeded = (
        compiled(tmp_path / "same", "-flto", "-frandom-seed=main", "-c", source=source)
        for _ in range(2)
    )
    assert len(set(seeded)) == 1


def test_objects_in_another_order(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.c").write_text(f"int {name}(void) {{ return 1; }}\n")
    (tmp_path / "main.c").write_text(MAIN)
    run("gcc", "-c", "main.c", "one.c", "two.c", cwd=tmp_path)
    found = []
    for order in (("one.o", "two.o"), ("two.o", "one.o")):
        run("gcc", "-o", "out", "main.o", *order, cwd=tmp_path)
        found.append((tmp_path / "out").read_bytes())
    cause = only_cause(*found)
    assert (cause.name, cause.axis) == ("elf/order", "directory-order")


def test_another_compiler(tmp_path: Path) -> None:
    plain = compiled(tmp_path / "a", "-c")
    other = plain.replace(b"GCC: (", b"GCC; (")
    assert list(named(plain, other)) == ["elf/producer"]


def test_a_damaged_program_is_bytes(tmp_path: Path) -> None:
    a = compiled(tmp_path / "a")
    for cut in (20, 64, len(a) // 2):
        explained(a[:cut], a[: cut - 1] + b"\xff")


@pytest.mark.prove
@pytest.mark.skipif(shutil.which("go") is None, reason="Go is not installed")
@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_the_commit_in_a_go_program(tmp_path: Path) -> None:
    (tmp_path / "go.mod").write_text("module example.org/app\n\ngo 1.19\n")
    (tmp_path / "main.go").write_text("package main\n\nfunc main() {}\n")
    git = ("git", "-c", "user.name=t", "-c", "user.email=t@example.org")
    run(*git, "init", "-q", cwd=tmp_path)
    run(*git, "add", ".", cwd=tmp_path)
    found = []
    for number in range(2):
        run(*git, "commit", "-q", "--allow-empty", "-m", str(number), cwd=tmp_path)
        run(
            *("go", "build", "-trimpath", "-buildvcs=true", "-o", "app", "."),
            cwd=tmp_path,
            GOCACHE=str(tmp_path.parent / "go-cache"),
            CGO_ENABLED="0",
            GOTOOLCHAIN="local",
        )
        found.append((tmp_path / "app").read_bytes())
    causes = explained(*found).causes
    assert (causes[0].name, causes[0].confidence) == ("go/vcs-stamp", Confidence.CERTAIN)
    assert any("vcs.revision" in one.a for one in causes[0].evidence)
    assert "-buildvcs=false" in causes[0].fix
