"""BuildKit in a daemon of samebit's own: the same digest as buildah's, and the same steps."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

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
    engine: EngineChroot, samebit: Samebit, base: Path, trees: Path, tmp_path: Path
) -> None:
    arguments = ["--no-cache", f"--build-context=base=oci-layout://{base}", str(trees)]
    expected = samebit.build(*arguments)
    buildkit = engine.samebit(tmp_path / "home", "overlay", "buildkit")
    assert buildkit.build(*arguments) == expected


@pytest.mark.prove
def test_what_steps_see_and_say_is_the_same(engine: EngineChroot, tmp_path: Path) -> None:
    """Run the tests of single steps once more, with BuildKit in the place of buildah."""
    done = subprocess.run(
        [
            *engine.enter(tmp_path),
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not prove"),
            f"--basetemp={engine.inside(tmp_path) / 'tests'}",
            *[str(Path(__file__).with_name(f"test_{name}.py")) for name in STEP_TESTS],
        ],
        env={
            **os.environ,
            "SAMEBIT_TEST_ENGINE": "buildkit",
            "SAMEBIT_HOME": "/each-test-has-its-own",
        },
        capture_output=True,
        check=False,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout[-20000:]
