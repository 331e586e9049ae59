"""One digest from buildah of Debian 12, of Debian 13 and of sid, on overlay and on vfs."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from engine_chroot import SUITES, EngineChroot, crun_only, engine_of, other_suites
from hard_trees import CONTEXT, write_hard_base
from results import write_results
from samebit_command import Samebit

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroots and owners need root"),
]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TREES = ("Dockerfile", "Dockerfile.leftovers")
STEP_TESTS = (
    "errors_steps", "steps_add", "steps_copy", "steps_copy_flags", "steps_environment",
    "steps_mounts", "steps_run", "steps_secrets", "steps_stages",
)  # fmt: skip
LINKS = "Dockerfile.links"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hard_base(tmp_path_factory.mktemp("base") / "layout")


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    context = tmp_path_factory.mktemp("trees") / "context"
    shutil.copytree(CONTEXT, context, ignore=shutil.ignore_patterns("__pycache__"))
    with tarfile.open(context / "root.tar", "w") as archive:
        for name in ("dev", "dev/pts", "etc", "etc/hosts", "proc", "run", "run/lock", "sys"):
            member = tarfile.TarInfo(name)
            member.type = tarfile.REGTYPE if name == "etc/hosts" else tarfile.DIRTYPE
            member.mode = 0o644 if name == "etc/hosts" else 0o755
            archive.addfile(member, io.BytesIO())
    return context


def tree_arguments(base: Path, context: Path, dockerfile: str) -> list[str]:
    return [
        "--no-cache",
        f"--build-context=base=oci-layout://{base}",
        f"--file={context / dockerfile}",
        str(context),
    ]


@pytest.fixture(scope="module")
def expected(shared_home: Path, base: Path, trees: Path) -> dict[str, str]:
    own = Samebit(shared_home)
    return {
        name: own.build(*tree_arguments(base, trees, name), SAMEBIT_STORAGE_DRIVER="overlay")
        for name in TREES
    }


@pytest.mark.parametrize("suite", SUITES)
def test_each_version_gives_the_same_digest(
    suite: str, expected: dict[str, str], base: Path, trees: Path, tmp_path: Path
) -> None:
    samebit = engine_of(suite).samebit(tmp_path / "home", "overlay")
    found = {name: samebit.build(*tree_arguments(base, trees, name)) for name in TREES}
    assert found == expected


@pytest.mark.prove
@pytest.mark.parametrize("suite", other_suites())
def test_what_steps_see_and_say_is_the_same_with_each_version(suite: str, tmp_path: Path) -> None:
    """Run the tests of single steps once more, with that engine in the place of buildah."""
    engine = engine_of(suite)
    assert engine.folder is not None
    done = subprocess.run(
        [
            *engine.enter(tmp_path),
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not prove"),
            f"--basetemp={engine.inside(tmp_path) / 'tests'}",
            *[str(Path(__file__).with_name(f"test_{name}.py")) for name in STEP_TESTS],
        ],
        env={
            **os.environ,
            "SAMEBIT_HOME": "/each-test-has-its-own",
        },
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout[-20000:]


@dataclass(frozen=True)
class Cell:
    """One engine on one storage driver."""

    engine: str
    driver: str
    samebit: Samebit


@pytest.mark.prove
def test_the_whole_matrix(samebit: Samebit, base: Path, trees: Path, tmp_path: Path) -> None:
    """Build everything everywhere; what was seen is for docs/results/versions.md."""
    recipes: dict[str, list[str]] = {}
    for example in ("c-tool", "go-service"):
        context = tmp_path / example
        shutil.copytree(EXAMPLES / example, context, ignore=shutil.ignore_patterns("*.lock"))
        # Bases are made and the lock is written once.
        samebit.build(context)
        recipes[f"examples/{example}"] = ["--no-cache", "--locked", str(context)]
    for name in (*TREES, LINKS):
        recipes[f"hard trees, {name}"] = tree_arguments(base, trees, name)
    results: dict[tuple[str, str, str], str] = {}
    cells = make_cells(samebit.home, tmp_path)
    for recipe, arguments in recipes.items():
        for cell in cells:
            found = outcome(cell, arguments)
            results[recipe, cell.engine, cell.driver] = found
            sys.stdout.write(f"{recipe}: {cell.engine}, {cell.driver}: {found}\n")
            sys.stdout.flush()
        write_results(
            "versions.md",
            "# One digest from every engine\n\nMade by `make prove`"
            " (tests/e2e/test_engine_versions.py); do not edit.\nEach row is a build from nothing.",
            ("Dockerfile", "Engine", "Storage", "Digest"),
            [(*cell, found) for cell, found in results.items()],
        )
    for recipe in recipes:
        seen = {results[recipe, cell.engine, cell.driver] for cell in cells}
        digests = {text for text in seen if text.startswith("sha256:")}
        assert len(digests) == 1, recipe
        allowed = (NO_CRUN, *([REFUSED] if LINKS in recipe else []))
        for text in seen - digests:
            assert any(reason in text for reason in allowed), text


# Some machines do not let crun set the limits that it needs for its cgroups.
NO_CRUN = "no OCI runtime on this machine can run a container [machine] runc: not installed"
REFUSED = "this storage driver cannot show which of them was changed"


def make_cells(home: Path, folder: Path) -> list[Cell]:
    cells = []
    for suite in SUITES:
        engine = engine_of(suite)
        for driver in ("overlay", "vfs"):
            own = with_store(home, folder / f"{suite}-{driver}")
            name = f"buildah {engine.version()} ({suite}), runc"
            cells.append(Cell(name, driver, engine.samebit(own, driver)))
    own = with_store(home, folder / "crun")
    cells.append(
        Cell("this machine's buildah, crun", "overlay", crun_only(own, EngineChroot("own", None)))
    )
    return cells


def with_store(home: Path, target: Path) -> Path:
    """Make a state folder that has the same blobs but whose engine has never run."""
    target.mkdir()
    shutil.copytree(home / "store", target / "store", copy_function=os.link)
    return target


def outcome(cell: Cell, arguments: list[str]) -> str:
    """Give the digest, or in one line why there is none."""
    done = cell.samebit.run("build", "--progress=plain", *arguments)
    if done.returncode == 0:
        return done.stdout.strip()
    said = done.stderr.rpartition("error: ")[2].partition("\n  help: ")[0]
    return " ".join(said.replace("\n  |", "").replace("|", "/").split()) or "no digest"
