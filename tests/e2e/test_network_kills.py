"""Builds that are killed while they record or replay: the next one works, the old lock stands."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_internet import FakeInternet, Page, fake_internet
from samebit_command import Samebit
from step_builds import Steps

pytestmark = [pytest.mark.e2e, pytest.mark.prove]

MOMENTS = 25
FILES = 12
RECIPE = (
    "FROM base\nRUN for n in $(seq FILES); do"
    " busybox wget -q -O /$n http://a.example.org/$n || exit 1; done\n"
    "RUN busybox wget -q -O /last https://b.example.org/last\n"
).replace("FILES", str(FILES))


@pytest.fixture(scope="module")
def internet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeInternet]:
    with fake_internet(tmp_path_factory.mktemp("internet")) as running:
        for number in range(1, FILES + 1):
            body = str(number).encode() * 200_000
            running.pages[f"http://a.example.org/{number}"] = Page(body, slow=0.01)
        running.pages["https://b.example.org/last"] = Page(b"last" * 100_000, slow=0.01)
        yield running


def killed_after(steps: Steps, seconds: float, *options: str) -> bool:
    """Start a build and kill it, and nothing else, after some time; False: it was faster."""
    with open(os.devnull, "wb") as nowhere:
        process = subprocess.Popen(
            [sys.executable, "-m", "samebit.cli", *map(str, steps.arguments(RECIPE, *options))],
            env={
                **os.environ,
                **steps.samebit.environment,
                "SAMEBIT_HOME": str(steps.samebit.home),
            },
            stdout=nowhere,
            stderr=nowhere,
        )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
        return True
    return False


@pytest.mark.parametrize("what", ["recording", "replaying"])
def test_killed_at_random_moments(
    samebit: Samebit, internet: FakeInternet, base_layout: Path, tmp_path: Path, what: str
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    steps = Steps(Samebit(samebit.home, internet.environment), context, base_layout)
    lock = context / "Dockerfile.lock"
    digest = steps.build(RECIPE).digest
    recorded = lock.read_bytes()
    begin = time.monotonic()
    steps.build(RECIPE)
    usual = time.monotonic() - begin
    chance = random.Random(what)
    killed = 0
    for _ in range(MOMENTS):
        if what == "recording":
            lock.unlink(missing_ok=True)
        killed += killed_after(steps, chance.uniform(0, usual))
        if what == "replaying":
            assert lock.read_bytes() == recorded
        elif lock.exists():
            # Whole, or not there at all.
            assert b"[[fetch]]" in lock.read_bytes()
        assert steps.build(RECIPE).digest == digest
    assert killed > MOMENTS // 2
