"""What the engine printed, told with the user's own instruction."""

from __future__ import annotations

import pytest

from samebit.dockerfile.lowering_model import Phase
from samebit.dockerfile.parser import parse
from samebit.engines.protocol import StepFailedError
from samebit.errors import BuildFailedError, MachineError, SamebitError
from samebit.pipeline.failures import LoweredSteps, explain_failure

DOCKERFILE = parse("FROM scratch\nCOPY a /a\nRUN make \\\n    all\n", "Dockerfile")
TEXT = "FROM scratch AS s0\nCOPY a /a\nENV SAMEBIT_STEP=0/2\nRUN x\nUSER 0\n"
_FROM, _COPY, _RUN = DOCKERFILE.instructions
PHASE = Phase(TEXT, (_FROM, _COPY, _RUN, _RUN, None), None, (), ())


def explained(step: int | None, status: int | None, *output: str) -> SamebitError:
    stage = None if step is None else 1
    failure = StepFailedError(stage, step, status, output)
    return explain_failure(failure, LoweredSteps(PHASE, DOCKERFILE), DOCKERFILE)


def test_a_failing_run_shows_its_own_last_lines_only() -> None:
    error = explained(
        4, 2, "cc: no input", 'Error: building at STEP "RUN x', "all of it", '": exit status 2'
    )
    assert isinstance(error, BuildFailedError)
    assert error.what == "RUN make all ended with exit status 2"
    assert str(error.where) == "Dockerfile:3:1"
    assert error.detail == "cc: no input"


def test_only_the_last_lines_are_shown() -> None:
    error = explained(4, 1, *[f"line {number}" for number in range(100)])
    assert error.detail is not None
    assert error.detail.splitlines()[-1] == "line 99"
    assert len(error.detail.splitlines()) == 20


def test_a_program_that_is_not_in_the_image_is_said_plainly() -> None:
    error = explained(
        4,
        1,
        'error running container: from /x creating container for [/bin/sh -c x]: time="" '
        'level=error msg="runc create failed: unable to start container process: exec: '
        '\\"/bin/sh\\": stat /bin/sh: no such file or directory"',
    )
    assert error.what == "RUN make all could not be started"
    assert error.detail == 'exec: "/bin/sh": stat /bin/sh: no such file or directory'
    assert error.fix is not None


@pytest.mark.parametrize(
    "line", ["write /x: no space left on device", "cp: error writing: No space left on device"]
)
def test_a_full_disk_is_the_machines_fault(line: str) -> None:
    assert isinstance(explained(4, 1, line), MachineError)


def test_a_failing_copy_names_its_line() -> None:
    error = explained(2, None, "copier: stat: no such file")
    assert (error.what, str(error.where)) == ("COPY a /a failed", "Dockerfile:2:1")


@pytest.mark.parametrize("step", [5, None])
def test_a_failure_of_our_own_steps_names_the_file(step: int | None) -> None:
    assert str(explained(step, 1, "odd").where) == "Dockerfile"


def test_progress_words_a_step_with_its_place() -> None:
    steps = LoweredSteps(PHASE, DOCKERFILE)
    assert steps.describe(1, 4) == "Dockerfile:3  RUN make all"
    assert steps.describe(1, 5) is None
