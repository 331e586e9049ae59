"""What buildah and the runtimes print around a step, told apart from what the step printed.

Read from the output of buildah 1.28 to 1.43 with runc and crun; text in another form is kept whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

STEP_LINE = re.compile(r"(?:\[(\d+)/\d+\] )?STEP (\d+)(?:/\d+)?: ")
_CLOSING = "Error: "
_CLOSING_IN_STEP = 'Error: building at STEP "'
# The instruction in the quotes may hold quotes and lines of its own.
_IN_STEP = re.compile(
    r'building at STEP ".*?": '
    r"(while running runtime: .*|checking on sources under .*|determining run [ug]id: .*)\Z",
    re.DOTALL,
)
_ANY_STEP = re.compile(r'building at STEP ".*": (.*)\Z', re.DOTALL)
_STATUS = re.compile(r"while running runtime: exit status (\d+)\Z")
_SOURCES = re.compile(r'checking on sources under "[^"\n]*": (?:copier: )?(?:(?:l?stat|glob): )?')
# buildah from 1.39 on looks for the source of a bind mount itself, without a word on its target.
_MOUNT_SOURCE = re.compile(
    r'resolving mountpoints .*: opening directory "([^"\n]*)" under "[^"\n]*": no such file or dir'
)
_USER = re.compile(r'determining run [ug]id: .*looking up (user|group) "([^"\n]*)"')
_NOT_STARTED = "error running container: from "
_NOT_STARTED_FOR = re.compile(r"container for \[.*\]: (.*)\Z", re.DOTALL)
_RUNTIME_SAID = re.compile(r'msg="((?:[^"\\]|\\.)*)"')
_RUNTIME_PREFIX = re.compile(
    r"\A(?:runc (?:create|run) failed: )?(?:unable to start container process: )?"
    r"(?:error during container init: )?"
)
_CHATTER = re.compile(
    r"Getting image source signatures|Copying (?:blob|config) (?:sha256:)?[0-9a-f]{10,64}.*"
    r"|Writing manifest to image destination|Storing signatures|--> [0-9a-f]{11,64}|COMMIT( \S+)?"
    # The shim says it, in words of the Dockerfile.
    r'|time="[^"]*" level=warning msg="couldn\'t find .* on host to bind mount into container"'
)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a build ended: the step's own last lines, and the engine's reason.

    `status` is the exit status of a program that ran; `reason` is why the engine stopped where no
    program's status says it; `unstarted` says that the runtime did not start the program.
    """

    output: tuple[str, ...]
    status: int | None
    reason: str
    unstarted: bool = False


def is_chatter(line: str) -> bool:
    """Tell whether a line only says what the engine does between the steps."""
    return _CHATTER.fullmatch(line) is not None


def split_closing(line: str) -> tuple[str, bool]:
    """Give what of a line the step printed, and whether the engine's closing words begin in it."""
    if line.startswith(_NOT_STARTED):
        return "", True
    start = _closing(line)
    return (line, False) if start is None else (line[:start], True)


def _closing(line: str) -> int | None:
    # What a step prints need not end with a line's end.
    start = line.rfind(_CLOSING_IN_STEP)
    if start < 0 and line.startswith(_CLOSING):
        return 0
    return start if start >= 0 else None


def read_ending(lines: Sequence[str]) -> Ending:
    """Split the last lines of a failed build."""
    for number in range(len(lines) - 1, -1, -1):
        start = _closing(lines[number])
        if start is not None:
            break
    else:
        return Ending(tuple(lines), None, "")
    output = (*lines[:number], *filter(None, [lines[number][:start]]))
    said = "\n".join((lines[number][start:], *lines[number + 1 :])).removeprefix(_CLOSING).strip()
    found = _IN_STEP.search(said) or _ANY_STEP.search(said)
    reason = found[1] if found else said
    start = max((n for n, line in enumerate(output) if line.startswith(_NOT_STARTED)), default=-1)
    if start >= 0:
        told = "\n".join(output[start:])
        return Ending(output[:start], None, _runtime_reason(told), unstarted=True)
    status = _STATUS.fullmatch(reason)
    if status is not None:
        return Ending(output, int(status[1]), "")
    source = _MOUNT_SOURCE.search(said)
    if source is not None:
        told = f'samebit: the source of the mount does not exist: "{source[1]}"'
        return Ending(output, None, told, unstarted=True)
    user = _USER.search(reason)
    if user is not None:
        return Ending(output, None, f'the image has no {user[1]} "{user[2]}"')
    return Ending(output, None, _SOURCES.sub("", reason))


def _runtime_reason(told: str) -> str:
    said = _RUNTIME_SAID.search(told)
    if said is not None:
        return _RUNTIME_PREFIX.sub("", re.sub(r"\\(.)", r"\1", said[1]), count=1)
    found = _NOT_STARTED_FOR.search(told)
    return re.sub(r"\n?: exit status \d+\Z", "", found[1] if found else told).strip()
