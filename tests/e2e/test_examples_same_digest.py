"""The examples: one digest wherever they are built."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from image_files import manifest_of, members_of
from samebit_command import Samebit

from corpus import Case, build_twice, cases

pytestmark = pytest.mark.e2e

# Cases of tests/corpus that stand on the Python example's base and need nothing from the network.
CORPUS_SLICE = [case for case in cases() if case.name in {"accounts", "home-debris"}]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# Builds closer together could hide a time of minutes' resolution.
APART_SECONDS = 61


def checkout(example: str, target: Path) -> Path:
    shutil.copytree(EXAMPLES / example, target, ignore=shutil.ignore_patterns("*.lock"))
    return target


def disturbed(example: str, target: Path) -> Path:
    """Make another checkout: umask 002, other times and owners, attributes of the host."""
    checkout(example, target)
    for folder, _, files in os.walk(target):
        for name in [".", *files]:
            path = os.path.join(folder, name)
            os.chmod(path, os.stat(path).st_mode | 0o020)
            os.utime(path, (1234567890, 1234567890))
            os.chown(path, 4321, 4321)
            os.setxattr(path, "user.host", b"value")
    return target


@pytest.mark.parametrize("example", ["c-tool", "go-service"])
def test_compiled_examples_have_one_digest(samebit: Samebit, tmp_path: Path, example: str) -> None:
    first = checkout(example, tmp_path / "first")
    begin = time.monotonic()
    recorded = samebit.build(first)
    second = disturbed(example, tmp_path / "other path" / "second")
    shutil.copy(first / "Dockerfile.lock", second)
    cold = samebit.with_cold_engine(tmp_path / "cold")
    time.sleep(max(0.0, APART_SECONDS - (time.monotonic() - begin)))
    assert cold.build("--locked", second, SAMEBIT_STORAGE_DRIVER="vfs") == recorded
    # Recording once more, with everything warm.
    (first / "Dockerfile.lock").unlink()
    assert samebit.build("--no-cache", first) == recorded
    # The C example keeps the build ID that Debian's compiler asks for.
    audit = samebit.run("audit", "--policy", "sealed", recorded)
    assert audit.returncode == (0 if example == "go-service" else 1), audit.stdout
    if audit.returncode:
        assert audit.stdout.endswith("  build-id: 1, 1 refused\nnot sealed: 1 refused\n")


def test_the_python_example_has_one_digest(samebit: Samebit, tmp_path: Path) -> None:
    first = checkout("python-service", tmp_path / "first")
    begin = time.monotonic()
    samebit.build("-o", f"oci:{tmp_path / 'one'}", first)
    second = disturbed("python-service", tmp_path / "second")
    shutil.copy(first / "Dockerfile.lock", second)
    time.sleep(max(0.0, APART_SECONDS - (time.monotonic() - begin)))
    samebit.build("--no-cache", "--locked", "-o", f"oci:{tmp_path / 'two'}", second)
    one, two = members_of(tmp_path / "one"), members_of(tmp_path / "two")
    assert {name for name in one.keys() | two.keys() if one.get(name) != two.get(name)} == set()
    assert manifest_of(tmp_path / "one") == manifest_of(tmp_path / "two")


@pytest.mark.parametrize("case", CORPUS_SLICE, ids=lambda case: case.name)
def test_a_slice_of_the_corpus_has_one_digest(samebit: Samebit, tmp_path: Path, case: Case) -> None:
    pair = build_twice(case, samebit, tmp_path)
    assert pair.differs == ()
    assert pair.digests[0] == pair.digests[1]
