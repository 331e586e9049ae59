"""kill -9 at any moment: the store stays intact, and the next build clears up and works."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest
from running_build import (
    assert_nothing_left,
    commands_of,
    make_base,
    running,
)
from samebit_command import Samebit

from samebit.store.store import Store

pytestmark = pytest.mark.e2e

# A busy machine takes ten times as long for what a kill sets off.
SECONDS = 60.0
DOCKERFILE = """\
FROM base AS tools
RUN echo one > /one
COPY data /data
FROM base
COPY --from=tools --exclude=*.none /data /data
RUN sleep 0.2; cat /data /data > /copy
"""


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> tuple[str | Path, ...]:
    """What follows `samebit build`: the base is imported, and the engine runs twice."""
    folder = tmp_path_factory.mktemp("kills")
    found = shutil.which("busybox")
    assert found
    base = make_base(Samebit(folder / "home"), Path(found), folder, 4)
    context = folder / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    (context / "data").write_bytes(random.Random(2).randbytes(4 << 20))
    return ("--no-cache", f"--build-context=base=oci-layout://{base}", context)


@pytest.fixture(scope="module")
def expected(
    tmp_path_factory: pytest.TempPathFactory, arguments: tuple[str | Path, ...]
) -> tuple[str, float, float]:
    """The digest, and how many seconds it takes with a new state folder and with a used one."""
    samebit = Samebit(tmp_path_factory.mktemp("expected") / "home")
    begin = time.monotonic()
    digest = samebit.build(*arguments)
    middle = time.monotonic()
    assert samebit.build(*arguments) == digest
    return digest, middle - begin, time.monotonic() - middle


@pytest.fixture(scope="module")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("used") / "home"


def wait_for_the_engine(home: Path) -> None:
    """Wait until it has ended. Told to while the runtime starts a step, it forgets that step."""
    deadline = time.monotonic() + SECONDS
    while any("buildah" in command for command in commands_of(home)):
        assert time.monotonic() < deadline, commands_of(home)
        time.sleep(0.02)


def kill_and_go_on(
    samebit: Samebit, arguments: tuple[str | Path, ...], digest: str, after: float, *, whole: bool
) -> None:
    """Kill a build `after` seconds, then check the store, and that the next build works."""
    with running(samebit, *arguments) as build:
        time.sleep(after)
        build.kill(whole=whole)
    if not whole:
        # Nobody kills the engine here: it must notice that nobody waits for it any more.
        wait_for_the_engine(samebit.home)
    assert not (samebit.home / "store").exists() or not Store(samebit.home / "store").corrupt()
    assert samebit.build(*arguments) == digest
    assert_nothing_left(samebit.home)


def test_the_next_build_ends_the_step_of_a_killed_one(
    used_home: Path,
    tmp_path: Path,
    arguments: tuple[str | Path, ...],
    expected: tuple[str, float, float],
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM base\nRUN echo sleeping; sleep 900\n")
    samebit = Samebit(used_home)
    with running(samebit, *arguments[:-1], context) as build:
        try:
            assert build.wait_until(lambda build: "  sleeping\n" in build.text()), build.text()
            build.kill(whole=False)
            wait_for_the_engine(used_home)
            assert samebit.build(*arguments) == expected[0]
            assert_nothing_left(used_home)
        finally:
            build.kill(whole=True)


@pytest.mark.parametrize("part", range(1, 9))
def test_the_next_build_goes_on_after_a_kill(
    used_home: Path,
    tmp_path: Path,
    arguments: tuple[str | Path, ...],
    expected: tuple[str, float, float],
    part: int,
) -> None:
    digest, new, used = expected
    whole = part % 2 == 0
    fresh = part % 3 == 0
    samebit = Samebit(tmp_path / "home" if fresh else used_home)
    after = (new if fresh else used) * part / 9
    kill_and_go_on(samebit, arguments, digest, after, whole=whole)


@pytest.mark.prove
@pytest.mark.parametrize("seed", range(50))
def test_the_next_build_goes_on_after_a_kill_at_any_moment(
    used_home: Path,
    tmp_path: Path,
    arguments: tuple[str | Path, ...],
    expected: tuple[str, float, float],
    seed: int,
) -> None:
    digest, new, used = expected
    chance = random.Random(seed)
    fresh = chance.random() < 0.5
    samebit = Samebit(tmp_path / "home" if fresh else used_home)
    after = chance.random() * (new if fresh else used)
    kill_and_go_on(samebit, arguments, digest, after, whole=chance.random() < 0.7)
    shutil.rmtree(tmp_path / "home", ignore_errors=True)
