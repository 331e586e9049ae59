"""The Dockerfiles of tests/corpus give one digest each, or differ only where nothing can help."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from samebit_command import Samebit

from corpus import Case, PlainEngine, build_twice, cases, checkout, plain_engine

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the engine's storage is overlay"),
    pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed"),
]


# Stages, C with debug information and link-time optimisation, a final image without a base; the
# others are part of `make prove`.
_ALWAYS = "scratch-tool"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlainEngine]:
    with plain_engine(tmp_path_factory.mktemp("plain") / "storage") as engine:
        yield engine
        engine.run("buildah", "rm", "--all")
        engine.run("buildah", "rmi", "--all", "--force")


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=[] if case.name == _ALWAYS else pytest.mark.prove)
        for case in cases()
    ],
)
def test_it_is_the_same_and_works_as_before(
    samebit: Samebit, engine: PlainEngine, tmp_path: Path, case: Case
) -> None:
    pair = build_twice(case, samebit, tmp_path)
    assert pair.differs == case.differs
    assert (pair.digests[0] == pair.digests[1]) is not bool(case.differs)
    engine.add_bases(samebit, pair.lock)
    plain = engine.build(case, checkout(case, tmp_path / "plain"))
    own = engine.load(pair.layout)
    assert engine.smoke(case, own) == engine.smoke(case, plain)
    engine.remove(own, plain)
