"""BuildKit in a daemon of samebit's own: the same digest as buildah's, and the same steps."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from engine_chroot import EngineChroot, engine_of
from hard_trees import CONTEXT, write_hard_base
from samebit_command import Samebit

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="chroots and owners need root"),
]

STEP_TESTS = (
    "errors_steps", "steps_add", "steps_copy", "steps_copy_flags", "steps_environment",
    "steps_mounts", "steps_run", "steps_secrets", "steps_stages",
)  # fmt: skip
RECORDING = "test_recorded_once_and_replayed_with_the_network_cut"


@pytest.fixture(scope="module")
def engine() -> EngineChroot:
    return engine_of("trixie")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hard_base(tmp_path_factory.mktemp("base") / "layout")


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    context = tmp_path_factory.mktemp("trees") / "context"
    shutil.copytree(CONTEXT, context, ignore=shutil.ignore_patterns("__pycache__"))
    dockerfile = context / "Dockerfile"
    text = dockerfile.read_text("utf-8")
    # The root directory comes first, and buildah gives it another mode (docs/engines.md).
    assert "list.py / >" in text
    dockerfile.write_text(text.replace("list.py / >", "list.py / | tail -c +60 >"), "utf-8")
    return context


def test_hard_trees_have_the_same_digest(
    samebit: Samebit, base: Path, trees: Path, tmp_path: Path
) -> None:
    arguments = ["--no-cache", f"--build-context=base=oci-layout://{base}", str(trees)]
    digests = {"buildah": samebit.build(*arguments)}
    for suite in ("trixie", "sid"):
        buildkit = engine_of(suite).samebit(tmp_path / suite, "overlay", "buildkit")
        digests[suite] = buildkit.build(*arguments)
    assert len(set(digests.values())) == 1, digests


@pytest.mark.prove
def test_verify_varies_what_it_can_and_finds_what_differs(
    engine: EngineChroot, base: Path, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    samebit = engine.samebit(tmp_path / "home", "overlay", "buildkit")

    def verified(last: str) -> dict[str, Any]:
        (context / "Dockerfile").write_text(f"FROM base\nRUN mkdir /d && id > /d/id\n{last}\n")
        given = f"--build-context=base=oci-layout://{base}"
        done = samebit.run("verify", "--json", "--apart=0", given, context)
        assert done.stdout, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if found["identical"] else 1), done.stderr
        return found

    honest = verified("RUN rm /base/single")
    assert honest["identical"]
    assert {"storage", "directory-order", "kernel", "host-name", "umask"} <= {
        one["axis"] for one in honest["varied"]
    }
    # The runtime that is not there, or does not start here, takes no other axis with it.
    assert {one["axis"] for one in honest["notVaried"]} <= {
        *("address-layout", "clock", "engine", "processors", "runtime", "user"),
    }
    (context / "Dockerfile.lock").unlink()
    [found] = verified("RUN hostname > /name")["differences"]
    assert (found["path"], found["axes"]) == ("/name", ["host-name"])
    assert found["instruction"]["line"] == 3
    assert found["causes"][0]["name"] == "host/name"


@pytest.mark.prove
def test_a_base_of_several_layers_has_the_same_digest(
    engine: EngineChroot, samebit: Samebit, base: Path, tmp_path: Path
) -> None:
    """Several layers of a base are shown as an overlay of their own, one as a directory."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        "FROM base\nRUN mkdir -p /d/kept /d/gone && echo 1 > /d/kept/f && echo 2 > /d/gone/f"
        " && rm /base/single\n"
    )
    layers = tmp_path / "layers"
    given = f"--build-context=base=oci-layout://{base}"
    samebit.build(given, f"--output=oci:{layers}", context)
    (context / "Dockerfile.lock").unlink()
    (context / "Dockerfile").write_text(
        "FROM base\nRUN rm -r /d/gone && echo 3 > /d/kept/new && chmod 700 /d && touch /d/kept/f\n"
        "RUN echo 4 > /d/kept/f\n"
    )
    arguments = ["--no-cache", f"--build-context=base=oci-layout://{layers}", str(context)]
    expected = samebit.build(*arguments)
    buildkit = engine.samebit(tmp_path / "home", "overlay", "buildkit")
    assert buildkit.build(*arguments) == expected


@pytest.mark.prove
def test_what_steps_see_and_say_is_the_same(engine: EngineChroot, tmp_path: Path) -> None:
    """Run the tests of single steps once more, with BuildKit in the place of buildah."""
    tests = Path(__file__).parent
    done = subprocess.run(
        [
            *engine.enter(tmp_path),
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not prove"),
            f"--basetemp={engine.inside(tmp_path) / 'tests'}",
            # A name that another step linked is written: each step is a layer (docs/engines.md).
            "--deselect=tests/e2e/test_steps_run.py::test_files_of_every_kind",
            *[str(tests / f"test_{name}.py") for name in STEP_TESTS],
            f"{tests / 'test_network_builds.py'}::{RECORDING}",
        ],
        env={
            **os.environ,
            "SAMEBIT_TEST_ENGINE": "buildkit",
            "SAMEBIT_ENGINE": "buildkit",
            "SAMEBIT_HOME": "/each-test-has-its-own",
        },
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout[-20000:]


@pytest.mark.prove
@pytest.mark.parametrize("last", ["RUN sleep 1; exit 3", "COPY --from=base /none /x\nRUN true"])
def test_a_step_that_fails_is_told_where_another_waits_for_it(
    engine: EngineChroot, base: Path, tmp_path: Path, last: str
) -> None:
    """BuildKit starts the second stage's step at once; the shim lets it wait."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        f"FROM base AS a\nRUN echo first\n{last}\n"
        "FROM base\nRUN echo second\nCOPY --from=a /etc /e\n"
    )
    samebit = engine.samebit(tmp_path / "home", "overlay", "buildkit")
    done = samebit.run("build", f"--build-context=base=oci-layout://{base}", context, timeout=60)
    assert done.returncode == 3
    assert f"Dockerfile:3:1: error: {last.splitlines()[0]}" in done.stderr
    assert "before this one" not in done.stderr
    assert "\n  second" not in done.stderr
    told = [line for line in done.stderr.splitlines() if "RUN echo" in line]
    assert "first" in told[0]


@pytest.mark.prove
def test_a_copy_that_fails_is_told_where_a_step_waits_for_what_comes_after_it(
    engine: EngineChroot, base: Path, tmp_path: Path
) -> None:
    """No step's end tells the one that waits: the step that it waits for never runs."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        "FROM base AS a\nRUN sleep 2\n"
        "FROM base AS b\nCOPY --from=a /none /x\nRUN echo never\n"
        "FROM base\nRUN echo second\nCOPY --from=b /etc /e\n"
    )
    samebit = engine.samebit(tmp_path / "home", "overlay", "buildkit")
    done = samebit.run("build", f"--build-context=base=oci-layout://{base}", context, timeout=60)
    assert done.returncode == 3
    assert "Dockerfile:4:1: error: COPY --from=a /none /x" in done.stderr
    assert "before this one" not in done.stderr


@pytest.mark.prove
def test_bad_input_is_told_while_another_build_has_the_daemons(
    engine: EngineChroot, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM scratch\nCOPY absent /x\n")
    samebit = engine.samebit(tmp_path / "home", "overlay", "buildkit")
    state = tmp_path / "home" / "engines" / "buildkit-overlay"
    state.mkdir(parents=True)
    with (state / "in-use").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = samebit.run("build", context, timeout=30)
    assert done.returncode == 2
    assert "Dockerfile:2:1: error: absent" in done.stderr


@pytest.mark.prove
@pytest.mark.parametrize("seconds", [0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2])
def test_an_interrupt_at_any_time_leaves_nothing(
    engine: EngineChroot, base: Path, tmp_path: Path, seconds: float
) -> None:
    """The daemons start in a thread, while others load modules."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM base\nRUN sleep 30\n")
    home = tmp_path / "home"
    samebit = engine.samebit(home, "overlay", "buildkit")
    given = f"--build-context=base=oci-layout://{base}"
    command = [*samebit.prefix, sys.executable, "-m", "samebit.cli", "build", given, str(context)]
    environment = {**os.environ, **samebit.environment, "SAMEBIT_HOME": str(home)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE) as build:
        while not (home / "engines" / "buildkit-overlay" / "in-use").exists():
            time.sleep(0.001)
        time.sleep(seconds)
        build.send_signal(signal.SIGINT)
        stderr = build.communicate(timeout=30)[1]
    assert build.returncode == 130, stderr
    assert b"Traceback" not in stderr
    left = subprocess.run(["pgrep", "-f", str(home)], capture_output=True, check=False)
    assert left.stdout == b""
    assert not sockets_of(home)
    assert not list(context.glob("*.lock"))


def sockets_of(home: Path) -> list[Path]:
    """Give the folders of sockets that are there for the daemons of `home`."""
    found = Path("/tmp").glob("samebit-*/containerd.toml")
    return [path.parent for path in found if str(home) in path.read_text()]


@pytest.mark.prove
def test_the_build_after_a_killed_one_removes_what_that_has_left(
    engine: EngineChroot, base: Path, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM base\nRUN echo begun; sleep 60\n")
    home = tmp_path / "home"
    samebit = engine.samebit(home, "overlay", "buildkit")
    arguments = ("build", "--progress=plain", f"--build-context=base=oci-layout://{base}")
    with subprocess.Popen(
        [*samebit.prefix, sys.executable, "-m", "samebit.cli", *arguments, str(context)],
        env={**os.environ, **samebit.environment, "SAMEBIT_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as build:
        assert build.stderr is not None
        assert any(b"begun" in line.split() for line in build.stderr)
        build.kill()
    [left] = sockets_of(home)
    (context / "Dockerfile").write_text("FROM base\nRUN echo again\n")
    done = samebit.run(*arguments, context, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not left.exists()
    assert not sockets_of(home)


def foreign(engine: EngineChroot, home: Path) -> Samebit:
    """Give the command with a dockerd beside it that is not samebit's."""
    command = engine.samebit(home, "overlay", "buildkit:default")
    daemon = Path(__file__).resolve().parents[1] / "support" / "docker_daemon.py"
    beside = (sys.executable, str(daemon), str(engine.inside(home) / "foreign"))
    return replace(command, prefix=(*command.prefix, *beside))


PLAIN = """\
FROM base AS made
ARG A=x
RUN --mount=type=cache,target=/c mkdir /made && echo "$A" > /made/file && hostname > /made/name \
 && echo "$SOURCE_DATE_EPOCH" > /made/epoch && chown 5:6 /made/file && ln /made/file /made/link
USER 5:6
WORKDIR /work
RUN touch mine
FROM base
COPY --from=made /made /made
COPY --from=made /work /work
COPY --chmod=640 <<FILE /heredoc
text
FILE
RUN rm /base/single && id > /id
"""


@pytest.mark.prove
def test_someone_elses_daemon_gives_the_same_digest(
    engine: EngineChroot, samebit: Samebit, base: Path, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(PLAIN)
    arguments = ["--no-cache", f"--build-context=base=oci-layout://{base}", str(context)]
    expected = samebit.build(*arguments)
    assert foreign(engine, tmp_path / "home").build(*arguments) == expected


@pytest.mark.prove
def test_what_someone_elses_daemon_cannot_give_is_told(
    engine: EngineChroot, base: Path, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    samebit = foreign(engine, tmp_path / "home")
    arguments = ["--no-cache", f"--build-context=base=oci-layout://{base}", str(context)]
    # Nobody may reach the network unrecorded.
    (context / "Dockerfile").write_text("FROM base\nRUN ip route | wc -l > /routes\nRUN exit 7\n")
    done = samebit.run("build", "--progress=plain", *arguments)
    assert done.returncode == 3, done.stderr
    assert "Dockerfile:3" in done.stderr
    assert "exit status 7" in done.stderr
    (context / "Dockerfile").write_text(
        "FROM base AS a\nRUN true\nFROM base\nCOPY --from=a --parents /bin/busybox /x/\n"
    )
    done = samebit.run("build", "--progress=plain", *arguments)
    assert done.returncode == 6, done.stderr
    assert "--engine buildah" in done.stderr
    verified = samebit.run("verify", *arguments[1:])
    assert verified.returncode == 6, verified.stderr
