"""Why two builds differ, as frozen values: what `explain` finds and `report` renders."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Confidence(enum.Enum):
    """How sure a cause is, best first.

    CERTAIN: the differing bytes decode to values that each belong to their own build (its time, its
    host name), or the format says what the field is. LIKELY: they have the shape, and nothing says
    otherwise. POSSIBLE: one of several readings.
    """

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A pair of places. Offsets are in bytes from the file's start, None where there is no place.

    `a` and `b` are the bytes as escaped text, `meaning_a` and `meaning_b` what they decode to,
    empty where the text says it. `member` names the member of an archive that the offsets are in.
    """

    offset_a: int | None
    offset_b: int | None
    a: str
    b: str
    meaning_a: str = ""
    meaning_b: str = ""
    member: str = ""


@dataclass(frozen=True, slots=True)
class Cause:
    """One reason for which a file differs.

    `name` is stable (`clock/text`); `what` says in one sentence what happened, `fix` what to do.
    `axis` names the variation that would prove it, empty when there is none. `places` counts all
    the differing places that it explains, `evidence` shows the first of them. `confidential`: what
    differs is a secret.
    """

    name: str
    confidence: Confidence
    what: str
    fix: str
    reference: str
    evidence: tuple[Evidence, ...] = ()
    places: int = 1
    axis: str = ""
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything found about one differing path. `unexplained` counts places without a cause.

    `deep` are the lines of diffoscope's report, where one was asked for.
    """

    path: str
    causes: tuple[Cause, ...]
    unexplained: int = 0
    deep: tuple[str, ...] = ()

    @property
    def confidential(self) -> bool:
        """Tell whether the differing bytes are a secret, which no report must repeat."""
        return any(cause.confidential for cause in self.causes)
