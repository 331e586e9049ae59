"""Builds side by side on one state folder: each gives what it gives alone."""

from __future__ import annotations

import random
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from running_build import assert_nothing_left, make_base, running
from samebit_command import Samebit

pytestmark = pytest.mark.e2e

# The odd ones are split by --exclude, so that the engine keeps a stage between two runs.
DOCKERFILES = (
    "FROM base\nRUN sleep 0.3; echo 0 > /made\nCOPY data /data\n",
    (
        "FROM base AS t\nRUN sleep 0.5; echo 1 > /made\nFROM base\n"
        "COPY --from=t --exclude=*.none /made /made\nRUN sleep 0.3; cat /made > /again\n"
    ),
    "FROM base\nCOPY data /data\nRUN sleep 0.8; echo 2 > /made\n",
    (
        "FROM base AS t\nCOPY data /made\nFROM base\n"
        "COPY --from=t --exclude=*.none /made /made\nRUN sleep 0.6; cat /made > /again\n"
    ),
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    found = shutil.which("busybox")
    assert found
    return make_base(Samebit(folder / "home"), Path(found), folder, 4)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, base: Path) -> list[str]:
    """The digest of each, built alone."""
    folder = tmp_path_factory.mktemp("alone")
    samebit = Samebit(folder / "home")
    return [samebit.build(*arguments(folder, base, n)) for n in range(len(DOCKERFILES))]


def arguments(folder: Path, base: Path, number: int) -> tuple[str | Path, ...]:
    context = folder / f"context-{number}"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text(DOCKERFILES[number])
    (context / "data").write_bytes(random.Random(number).randbytes(1 << 20))
    return ("--no-cache", f"--build-context=base=oci-layout://{base}", context)


def together(
    home: Path, folder: Path, base: Path, numbers: Sequence[int], pause: float = 0
) -> list[str]:
    """Build all at the same time, the next one starting `pause` seconds later; gives digests."""
    digests = []
    with ExitStack() as stack:
        builds = []
        for position, number in enumerate(numbers):
            place = folder / f"build-{position}"
            place.mkdir()
            samebit = Samebit(home)
            given = arguments(place, base, number)
            builds.append(stack.enter_context(running(samebit, *given)))
            time.sleep(pause)
        for build in builds:
            assert build.wait() == 0, build.text()
            digests.append(build.text().strip().splitlines()[-1])
    return digests


@pytest.mark.parametrize(
    ("numbers", "pause"),
    [((0, 0), 0), ((1, 1, 1, 1), 0), ((0, 1, 2, 3), 0), ((1, 2, 3, 0, 1, 2), 0.7)],
    ids=["two of one", "four of one", "four different", "one ends as others start"],
)
def test_builds_side_by_side_on_a_new_home_give_what_they_give_alone(
    tmp_path: Path, base: Path, expected: list[str], numbers: tuple[int, ...], pause: float
) -> None:
    home = tmp_path / "home"
    built = together(home, tmp_path, base, numbers, pause)
    assert built == [expected[number] for number in numbers]
    # The last to end does not clear up for those who were killed; nobody was.
    assert_nothing_left(home)


def test_a_build_beside_a_killed_one_is_not_disturbed(
    tmp_path: Path, base: Path, expected: list[str]
) -> None:
    samebit = Samebit(tmp_path / "home")
    samebit.build(*arguments(tmp_path, base, 0))
    first, second, third = tmp_path / "1", tmp_path / "2", tmp_path / "3"
    for folder in (first, second, third):
        folder.mkdir()
    with (
        running(samebit, *arguments(first, base, 1)) as killed,
        running(samebit, *arguments(second, base, 3)) as other,
    ):
        assert killed.wait_until(lambda build: "Dockerfile:2" in build.text())
        killed.kill(whole=False)
        assert samebit.build(*arguments(third, base, 2)) == expected[2]
        assert other.wait() == 0, other.text()
        assert other.text().strip().splitlines()[-1] == expected[3]
    assert samebit.build(*arguments(tmp_path, base, 0)) == expected[0]
    assert_nothing_left(samebit.home)
