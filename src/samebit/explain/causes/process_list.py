"""A listing of the processes of the build."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="process/list",
    confidence=Confidence.LIKELY,
    what="a listing of the processes that ran in the build is written in it",
    fix="leave the output of ps and top out",
    reference="https://reproducible-builds.org/docs/randomness/",
    axis="",
)

DETECTOR = detector(
    _CAUSE,
    Shape(
        value=r"\S+",
        heading=r"\A\s*(?:F\s+S\s+)?(?:UID|USER)?\s*PID\b.*\b(?:CMD|COMMAND)",
    ),
    rank=20,
)
