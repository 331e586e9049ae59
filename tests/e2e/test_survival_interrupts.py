"""Interrupts: exit 130, nothing half-written, nothing left running, and the next build works."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from running_build import (
    RunningBuild,
    assert_nothing_left,
    commands_of,
    make_base,
    mounts_below,
    no_processes_of,
    running,
)
from samebit_command import Samebit

pytestmark = pytest.mark.e2e

# The split of the stages at `--exclude` makes the engine run twice, with a committed stage between.
DOCKERFILE = """\
FROM base AS tools
RUN echo starting; sleep 0.7
COPY data /data
FROM base
COPY --from=tools --exclude=*.none /data /data
RUN echo sleeping; sleep 1; cat /data /data > /copy
"""


def catches(build: RunningBuild, number: signal.Signals) -> bool:
    """Tell whether the build has come so far that it handles the signal itself (proc(5))."""
    status = Path(f"/proc/{build.process.pid}/status").read_text()
    caught = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(caught >> (number - 1) & 1)


def engine_started(build: RunningBuild) -> bool:
    return any("leash.py" in command or " build " in command for command in commands_of(build.home))


def says(text: str) -> Callable[[RunningBuild], bool]:
    return lambda build: f"  {text}\n" in build.text()


def layer_written(build: RunningBuild) -> bool:
    blobs = (build.home / "store" / "tmp").glob("blob-*")
    return "sleeping" in build.text() and any(path.stat().st_size > 100_000 for path in blobs)


def context_staged(build: RunningBuild) -> bool:
    # What the build before left may be there still, and be cleared by this one.
    return catches(build, signal.SIGTERM) and any((build.home / "store" / "tmp").glob("dir-*"))


MOMENTS: dict[str, Callable[[RunningBuild], bool]] = {
    "at the start": context_staged,
    "engine started": engine_started,
    "committed stage": says("starting"),
    "final RUN": says("sleeping"),
    "layer": layer_written,
}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("interrupts")
    found = shutil.which("busybox")
    assert found
    return make_base(Samebit(folder / "home"), Path(found), folder, 1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("interrupts-home") / "home"


def context_in(folder: Path, base: Path) -> tuple[str | Path, ...]:
    folder.mkdir()
    (folder / "Dockerfile").write_text(DOCKERFILE)
    data = (base.parent / "base" / "filler").read_bytes() * 6
    (folder / "data").write_bytes(data)
    return ("--no-cache", f"--build-context=base=oci-layout://{base}", folder)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, base: Path, home: Path) -> str:
    folder = tmp_path_factory.mktemp("expected") / "context"
    return Samebit(home).build(*context_in(folder, base))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupt_leaves_nothing_half_done(  # noqa: PLR0917 - fixtures, given by name
    tmp_path: Path, base: Path, home: Path, expected: str, moment: str, number: signal.Signals
) -> None:
    samebit = Samebit(home)
    context = tmp_path / "context"
    arguments = context_in(context, base)
    out = tmp_path / "out"
    out.mkdir()
    (out / "old.tar").write_text("old")
    outputs = (f"-ooci:{out}/layout", f"-ooci-archive:{out}/old.tar", f"--iidfile={out}/id")
    with running(samebit, *outputs, *arguments) as build:
        assert build.wait_until(MOMENTS[moment]), build.text()
        build.process.send_signal(number)
        assert build.wait() == 130, build.text()
        assert "samebit: interrupted" in build.text()
        assert "Traceback" not in build.text()
        # At once: an interrupted build waits for what it has started.
        assert no_processes_of(home, 0.5), commands_of(home)
    assert [path.name for path in out.iterdir()] == ["old.tar"]
    assert (out / "old.tar").read_text() == "old"
    assert not (context / "Dockerfile.lock").exists()
    if moment == "final RUN":
        assert samebit.build(*outputs, *arguments) == expected
        assert (out / "id").read_text() == expected
        assert_nothing_left(home)


def test_after_all_interrupts_the_home_is_clean(
    tmp_path: Path, base: Path, home: Path, expected: str
) -> None:
    assert Samebit(home).build(*context_in(tmp_path / "context", base)) == expected
    assert_nothing_left(home)
    assert mounts_below(home) == []
