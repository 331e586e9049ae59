"""What a build asked of the network and could not be given: it fails for that afterwards."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class ProblemKind(enum.Enum):
    """Why: not in the lock; not HTTP; no answer to be had; the recorded bytes are damaged.

    AMBIGUOUS is a redacted address under which two different things were found.
    """

    MISS = "miss"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    DAMAGED = "damaged"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True, slots=True)
class Problem:
    """One of them. `instruction` is `stage/ordinal` of the step that asked, empty when unknown.

    `subject` is what was asked for: `GET https://…` with secrets redacted, or host and port.
    `reason` says what is wrong with it; `nearest` is the recorded request that is most like it.
    """

    kind: ProblemKind
    instruction: str
    subject: str
    reason: str
    nearest: str = ""
