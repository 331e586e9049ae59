"""`samebit verify` on the examples and the corpus: identical under every axis of this machine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from samebit_command import Samebit

from corpus import Case, cases, checkout

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
# What this machine may lack.
OPTIONAL = {
    "engine",
    "runtime",
    "user",
    "directory-order",
    "processors",
    "storage",
    "owner",
    "xattrs",
}


def verified(samebit: Samebit, context: Path) -> None:
    done = samebit.run("verify", "--progress=plain", "--json", context)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    document = json.loads(done.stdout)
    assert document["identical"] is True
    assert {one["axis"] for one in document["notVaried"]} <= OPTIONAL | {"clock"}
    assert len(document["varied"]) >= 9


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.iterdir()))
def test_examples_are_identical(samebit: Samebit, tmp_path: Path, example: str) -> None:
    context = tmp_path / example
    shutil.copytree(EXAMPLES / example, context, ignore=shutil.ignore_patterns("*.lock"))
    verified(samebit, context)


@pytest.mark.parametrize(
    "case", [case for case in cases() if not case.differs], ids=lambda case: case.name
)
def test_the_corpus_is_identical(samebit: Samebit, tmp_path: Path, case: Case) -> None:
    verified(samebit, checkout(case, tmp_path / "context"))
