"""What went wrong in the engine, told with the user's own instruction."""

from __future__ import annotations

import re
import signal

from samebit.dockerfile.lowering_model import Phase
from samebit.dockerfile.stages import External, Plan
from samebit.dockerfile.syntax import Instruction
from samebit.engines.emulation import emulation_advice
from samebit.engines.protocol import StepFailedError
from samebit.errors import BuildFailedError, MachineError, Place, SamebitError
from samebit.lock.redaction import redact_text
from samebit.model.platform import Platform

_SHOWN_LINES = 20
_SHOWN_LENGTH = 500
_SHOWN_WIDTH = 100
# What buildah and Go's filepath.Match say.
_PATTERN_FAILURES = ("glob", "no such file or directory", "syntax error in pattern")
_NO_SPACE = "no space left on device"
_WRONG_FORMAT = "exec format error"
# Reasons that lie in the image; a runtime that stops for others cannot work on this machine.
_IN_THE_IMAGE = re.compile(
    r"\bexec\b|executable file|no such file|not a directory|permission denied|is a directory"
    r"|chdir|cwd",
    re.IGNORECASE,
)
# How the runtime shim tells of a bind mount that the engine left out.
_MOUNT = "samebit: the source of the mount"
_EXEC_FAILED = re.compile(r"exec (/\S+): no such file or directory")


class LoweredSteps:
    """Which instruction each step of a lowered Dockerfile came from."""

    def __init__(self, phase: Phase, plan: Plan) -> None:
        self._phase = phase
        self._plan = plan

    @property
    def platform(self) -> Platform:
        """The platform that is built for."""
        return self._plan.platform

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
        place = Place(self._plan.dockerfile.path, instruction.span.line)
        return f"{place}  {self.worded(instruction)}"

    def place(self, instruction: Instruction | None) -> Place:
        """Give the place of an instruction, or of the whole Dockerfile."""
        if instruction is None:
            return Place(self._plan.dockerfile.path)
        return self._plan.dockerfile.place(instruction.span)

    def worded(self, instruction: Instruction) -> str:
        """Word an instruction on one line; a trigger of a base says whose it is."""
        text = shown(instruction)
        if instruction.keyword != "FROM" and 0 <= instruction.stage < len(self._plan.stages):
            stage = self._plan.stages[instruction.stage]
            if instruction.ordinal <= stage.triggers and isinstance(stage.base, External):
                return f"{text} (ONBUILD of {stage.base.reference})"
        return text


def shown(instruction: Instruction) -> str:
    """Word an instruction on one line of bounded width, addresses in it without their secrets."""
    flags = " ".join(
        f"--{flag.name}" if flag.value is None else f"--{flag.name}={flag.value}"
        for flag in instruction.flags
    )
    words = redact_text(f"{instruction.keyword} {flags} {instruction.arguments}").split()
    text = " ".join(words)
    return text if len(text) <= _SHOWN_WIDTH else text[: _SHOWN_WIDTH - 1] + "…"


def is_pattern(failure: StepFailedError) -> bool:
    """Tell whether the engine found nothing for a pattern, or took a found name for one."""
    said = (*failure.output, failure.reason)
    return any(text in line for line in said for text in _PATTERN_FAILURES)


def explain_failure(failure: StepFailedError, steps: LoweredSteps) -> SamebitError:
    """Turn the engine's failure into an error with the Dockerfile's line and the last output."""
    instruction = steps.instruction(failure.stage, failure.step)
    where = steps.place(instruction)
    worded = steps.worded(instruction) if instruction else "the engine"
    detail = _detail(failure)
    said = "\n".join((*failure.output, failure.reason)).lower()
    if _NO_SPACE in said:
        return MachineError(
            f"{worded} failed: the disk is full",
            where=where,
            detail=detail,
            fix="free some space where SAMEBIT_HOME lies, then run the build again",
        )
    if _WRONG_FORMAT in said:
        return _wrong_format(worded, where, detail, steps)
    if failure.unstarted:
        return _not_started(failure, worded, where, detail)
    if failure.status is not None:
        return BuildFailedError(
            f"{worded} ended with exit status {_status(failure.status)}",
            where=where,
            detail=detail,
            fix=_advice(failure),
        )
    reason, _, more = failure.reason.partition("\n")
    what = f"{worded} failed: {reason}" if reason else f"{worded} failed"
    fix = None if instruction else "--progress plain shows all that the engine says"
    if reason.startswith("the image has no "):
        fix = "add it in an earlier RUN, or give USER a number"
    return BuildFailedError(
        what, where=where, detail="\n".join(filter(None, (detail, more))), fix=fix
    )


def _not_started(failure: StepFailedError, worded: str, where: Place, detail: str) -> SamebitError:
    reason = " ".join(failure.reason.split())
    if not _IN_THE_IMAGE.search(reason) and not reason.startswith(_MOUNT):
        return MachineError(
            f"{worded} could not be started: {reason}",
            where=where,
            detail=detail,
            fix="the OCI runtime cannot run a container here: install runc, or crun, in a version"
            " that fits this kernel",
        )
    fix = "the image has no such program: put it there in an earlier step, or choose another base"
    if reason.startswith(_MOUNT):
        reason = reason.removeprefix("samebit: ")
        fix = "check from= and source= of the mount"
    if "permission denied" in reason.lower():
        fix = "make it executable, for example with COPY --chmod=0755"
    return BuildFailedError(
        f"{worded} could not be started: {reason}", where=where, detail=detail, fix=fix
    )


def _wrong_format(worded: str, where: Place, detail: str, steps: LoweredSteps) -> SamebitError:
    wanted, native = steps.platform, Platform.native()
    if wanted == native:
        return BuildFailedError(
            f"{worded} could not be started: the program is for another processor, or a script"
            " without #! in its first line",
            where=where,
            detail=detail,
            fix="check what the program is",
        )
    return MachineError(
        f"{worded} could not be started: this machine cannot run programs for {wanted}",
        where=where,
        detail=detail,
        fix=f"install emulation ({emulation_advice()}), or cross-compile: in a stage FROM"
        " --platform=$BUILDPLATFORM RUN is this machine's own",
    )


def _advice(failure: StepFailedError) -> str | None:
    last = failure.output[-1] if failure.output else ""
    if failure.status in {1, 127, 255} and _EXEC_FAILED.fullmatch(last):
        return (
            "the file is there, but the interpreter of its first line (#!), or the loader that it"
            " was linked with, is not in the image"
        )
    return None


def _status(status: int) -> str:
    if status <= 128:
        return str(status)
    try:
        name = signal.Signals(status - 128).name
    except ValueError:
        return str(status)
    hint = ", often for lack of memory" if name == "SIGKILL" else ""
    return f"{status} ({name}{hint})"


def _detail(failure: StepFailedError) -> str:
    return "\n".join(_shortened(line) for line in failure.output[-_SHOWN_LINES:])


def _shortened(line: str) -> str:
    return line if len(line) <= _SHOWN_LENGTH else f"… {line[-_SHOWN_LENGTH:]}"
