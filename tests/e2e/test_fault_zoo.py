"""Every fault of tests/zoo is seen, with its line and axis, and its cause is the first named."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from samebit_command import Samebit

from zoo import Fault, Zoo, faults, make_base

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the engine's storage is overlay"),
    pytest.mark.skipif(shutil.which("buildah") is None, reason="buildah is not installed"),
]
# One of every kind; the others are part of `make prove`.
_ALWAYS = ("clock-text", "readdir-list", "temporary-file", "umask-mode")


@pytest.fixture(scope="module")
def zoo(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Zoo]:
    base = make_base(tmp_path_factory.mktemp("zoo") / "base")
    # Memory, because another file system gives directories another order.
    with tempfile.TemporaryDirectory(prefix="samebit-zoo-", dir="/dev/shm") as other:
        yield Zoo(Samebit(shared_home), Samebit(Path(other)), base)


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(fault, id=fault.name, marks=[] if fault.name in _ALWAYS else pytest.mark.prove)
        for fault in faults()
    ],
)
def test_its_cause_is_named(zoo: Zoo, tmp_path: Path, fault: Fault) -> None:
    seen = zoo.seen(fault, tmp_path)
    assert seen.faults(fault) == [], seen
    assert any(one["a"] != one["b"] or one["meaning_a"] for one in seen.evidence), seen
