"""What the engine printed, told with the user's own instruction."""

from __future__ import annotations

import pytest

from samebit.dockerfile.lowering_model import Phase
from samebit.dockerfile.parser import parse
from samebit.dockerfile.stages import plan
from samebit.engines.buildah_words import read_ending
from samebit.engines.protocol import StepFailedError
from samebit.errors import BuildFailedError, MachineError, SamebitError
from samebit.model.platform import Platform
from samebit.pipeline.failures import LoweredSteps, explain_failure

DOCKERFILE = parse("FROM scratch\nCOPY a /a\nRUN make \\\n    all\n", "Dockerfile")
PLAN = plan(DOCKERFILE, platform=Platform.native())
TEXT = "FROM scratch AS s0\nCOPY a /a\nENV SAMEBIT_STEP=0/2\nRUN x\nUSER 0\n"
_FROM, _COPY, _RUN = DOCKERFILE.instructions
STEPS = LoweredSteps(Phase(TEXT, (_FROM, _COPY, _RUN, _RUN, None), None, (), ()), PLAN)


def explained(step: int | None, *lines: str) -> SamebitError:
    ending = read_ending(lines)
    failure = StepFailedError(
        None if step is None else 1,
        step,
        status=ending.status,
        output=ending.output,
        reason=ending.reason,
        unstarted=ending.unstarted,
    )
    return explain_failure(failure, STEPS)


def test_a_failing_run_shows_its_own_last_lines_only() -> None:
    error = explained(
        4,
        "cc: no input",
        'Error: building at STEP "RUN x',
        "all of it",
        '": while running runtime: exit status 2',
    )
    assert isinstance(error, BuildFailedError)
    assert error.what == "RUN make all ended with exit status 2"
    assert str(error.where) == "Dockerfile:3:1"
    assert error.detail == "cc: no input"


def test_only_the_last_lines_are_shown() -> None:
    error = explained(4, *[f"line {number}" for number in range(100)])
    assert error.detail is not None
    assert error.detail.splitlines()[-1] == "line 99"
    assert len(error.detail.splitlines()) == 20


def test_a_program_that_is_not_in_the_image_is_said_plainly() -> None:
    error = explained(
        4,
        "error running container: from /x creating container for [/bin/sh -c x]: "
        'time="" level=error msg="runc create failed: unable to start container process: exec: '
        '\\"/bin/sh\\": stat /bin/sh: no such file or directory"',
        ": exit status 1",
        'Error: building at STEP "RUN x": while running runtime: exit status 1',
    )
    assert isinstance(error, BuildFailedError)
    assert error.what.startswith("RUN make all could not be started: ")
    assert "stat /bin/sh: no such file or directory" in error.what
    assert error.fix is not None


def test_a_mount_whose_source_newer_engines_do_not_find() -> None:
    error = explained(
        4,
        'Error: building at STEP "RUN --mount=type=bind,source=/a,target=/x x": resolving'
        ' mountpoints for container "c": sanitizing bind subdirectory "/s/merged/a": opening'
        ' directory "a" under "/s/merged": no such file or directory: no such file or directory',
    )
    assert isinstance(error, BuildFailedError)
    assert error.what.endswith('the source of the mount does not exist: "a"')
    assert error.fix == "check from= and source= of the mount"


@pytest.mark.parametrize(
    "line", ["write /x: no space left on device", "cp: error writing: No space left on device"]
)
def test_a_full_disk_is_the_machines_fault(line: str) -> None:
    assert isinstance(explained(4, line), MachineError)


def test_a_failing_copy_names_its_line() -> None:
    error = explained(2, 'Error: building at STEP "COPY a /a": copier: stat: no such file')
    assert str(error.where) == "Dockerfile:2:1"
    assert error.what.startswith("COPY a /a failed: ")


@pytest.mark.parametrize("step", [5, None])
def test_a_failure_of_our_own_steps_names_the_file(step: int | None) -> None:
    assert str(explained(step, "odd").where) == "Dockerfile"


def test_progress_words_a_step_with_its_place() -> None:
    assert STEPS.describe(1, 4) == "Dockerfile:3  RUN make all"
    assert STEPS.describe(1, 5) is None
