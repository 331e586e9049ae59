"""The history of the image: one entry an instruction, worded from the Dockerfile alone.

OCI image-spec config.md, "history". The text is what was written (never what a variable or a build
argument held), so no secret value, time or engine can show in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from samebit.dockerfile.command import body
from samebit.dockerfile.evaluate import Evaluation, Step
from samebit.dockerfile.source import SPACES
from samebit.errors import InternalError, UsageError

_FOLD = re.compile(f"[{SPACES}]+")
_LAYERS = ("RUN", "COPY", "ADD")
# Who has the image must not have the password of who built it.
_USER = re.compile(r"\b((?:https?|ftp)://)[^\s/?#@'\"]+@")


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """An entry of an image configuration's history; `created` is RFC 3339 in UTC."""

    created: str
    created_by: str
    empty_layer: bool

    def document(self) -> dict[str, str | bool]:
        """Give the entry as JSON; `empty_layer` is left out when false."""
        fields: dict[str, str | bool] = {"created": self.created, "created_by": self.created_by}
        if self.empty_layer:
            fields["empty_layer"] = True
        return fields


def history(evaluation: Evaluation, epoch: int, *, layer: bool) -> tuple[HistoryEntry, ...]:
    """Give the entries that follow the external base's own.

    `epoch` is in seconds; `layer` says whether the image has a layer of its own: it is put down to
    the last RUN, COPY or ADD, else to the last WORKDIR, else to the last instruction. Raises
    UsageError for an epoch that no date can hold, InternalError for a layer without instructions.
    """
    created = timestamp(epoch)
    steps = [step for result in evaluation.chain() for step in result.steps]
    keywords = [step.keyword for step in steps]
    changes = [i for i, keyword in enumerate(keywords) if keyword in _LAYERS]
    changes = changes or [i for i, keyword in enumerate(keywords) if keyword == "WORKDIR"]
    changes = changes or list(range(len(steps)))
    if layer and not changes:
        raise InternalError("a layer without any instruction")
    last = changes[-1] if layer else -1
    return tuple(
        HistoryEntry(created, text(step), empty_layer=i != last) for i, step in enumerate(steps)
    )


def text(step: Step) -> str:
    """Word one instruction: continuations joined and blanks folded, heredoc bodies of RUN kept.

    User and password in a URL are left out.
    """
    instruction = step.instruction
    flags = [
        f"--{flag.name}" if flag.value is None else f"--{flag.name}={flag.value}"
        for flag in instruction.flags
    ]
    words = [instruction.keyword, *flags, instruction.arguments]
    line = _FOLD.sub(" ", " ".join(words)).strip(" ")
    if instruction.keyword in ("RUN", "ONBUILD"):
        line += "".join(f"\n{body(doc)}{doc.name}" for doc in instruction.heredocs)
    return _USER.sub(r"\1", line)


def timestamp(epoch: int) -> str:
    """Write `epoch` (seconds) as RFC 3339 in UTC, e.g. `1980-01-02T00:00:00Z`; UsageError."""
    try:
        moment = datetime.fromtimestamp(epoch, UTC)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"the epoch {epoch} is not a date",
            fix="SOURCE_DATE_EPOCH is a number of seconds since 1970",
        ) from None
    return moment.isoformat().removesuffix("+00:00") + "Z"
