"""What went wrong in the engine, told with the user's own instruction."""

from __future__ import annotations

import re

from samebit.dockerfile.lowering_model import Phase
from samebit.dockerfile.syntax import Dockerfile, Instruction
from samebit.engines.protocol import CLOSING_LINES, StepFailedError
from samebit.errors import BuildFailedError, MachineError, Place, SamebitError

_SHOWN_LINES = 20
_SHOWN_WIDTH = 100
_REFUSED = re.compile(r'msg="runc create failed: ((?:[^"\\]|\\.)*)"')
# What buildah and Go's filepath.Match say.
_PATTERN_FAILURES = ("glob", "no such file or directory", "syntax error in pattern")
_NO_SPACE = "no space left on device"


class LoweredSteps:
    """Which instruction each step of a lowered Dockerfile came from."""

    def __init__(self, phase: Phase, dockerfile: Dockerfile) -> None:
        self._dockerfile = dockerfile
        self._phase = phase

    def instruction(self, stage: int | None, step: int | None) -> Instruction | None:
        """Give the instruction behind a step (both from 1), None for steps of our own."""
        if stage is None or step is None:
            return None
        return self._phase.at_step(stage, step)

    def step_id(self, failure: StepFailedError) -> str:
        """Give the id of the step that failed, empty when it was none of the Dockerfile's."""
        found = self.instruction(failure.stage, failure.step)
        return f"{found.stage}/{found.ordinal}" if found else ""

    def describe(self, stage: int, step: int) -> str | None:
        """Word a step for progress: `Dockerfile:12  RUN apt-get update`."""
        instruction = self.instruction(stage, step)
        if instruction is None:
            return None
        place = Place(self._dockerfile.path, instruction.span.line)
        return f"{place}  {shown(instruction)}"


def shown(instruction: Instruction) -> str:
    """Word an instruction on one line of bounded width."""
    flags = " ".join(
        f"--{flag.name}" if flag.value is None else f"--{flag.name}={flag.value}"
        for flag in instruction.flags
    )
    text = " ".join(f"{instruction.keyword} {flags} {instruction.arguments}".split())
    return text if len(text) <= _SHOWN_WIDTH else text[: _SHOWN_WIDTH - 1] + "…"


def is_pattern(failure: StepFailedError) -> bool:
    """Tell whether the engine found nothing for a pattern, or took a found name for one."""
    return any(text in line for line in failure.output for text in _PATTERN_FAILURES)


def explain_failure(
    failure: StepFailedError, steps: LoweredSteps, dockerfile: Dockerfile
) -> SamebitError:
    """Turn the engine's failure into an error with the Dockerfile's line and the last output."""
    instruction = steps.instruction(failure.stage, failure.step)
    where = dockerfile.place(instruction.span) if instruction else Place(dockerfile.path)
    output = failure.output
    if any(_NO_SPACE in line.lower() for line in output):
        return MachineError(
            "the disk is full",
            where=where,
            detail="\n".join(output[-_SHOWN_LINES:]),
            fix="free some space where SAMEBIT_HOME lies, then run the build again",
        )
    if instruction is None:
        return BuildFailedError(
            "the engine failed", where=where, detail="\n".join(output[-_SHOWN_LINES:])
        )
    refused = next((found for line in output if (found := _REFUSED.search(line))), None)
    if refused is not None:
        # The runtime's message, which the engine quotes inside of its own.
        reason = refused[1].replace('\\"', '"').rpartition("container process: ")[2]
        missing = "no such file or directory" in reason or "not found in $PATH" in reason
        return BuildFailedError(
            f"{shown(instruction)} could not be started",
            where=where,
            detail=reason,
            fix="the program is not in the image; without a shell in it, write RUN in its JSON form"
            if missing
            else None,
        )
    if instruction.keyword == "RUN" and failure.status is not None:
        what = f"{shown(instruction)} ended with exit status {failure.status}"
        # The engine's own closing lines, which repeat the whole step, say the same less clearly.
        closing = (n for n, line in enumerate(output) if line.startswith(CLOSING_LINES))
        output = output[: next(closing, len(output))]
    else:
        what = f"{shown(instruction)} failed"
    return BuildFailedError(what, where=where, detail="\n".join(output[-_SHOWN_LINES:]))
