"""A port that the system chose."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="network/port",
    confidence=Confidence.LIKELY,
    what="a port that the system chose for this build is written in it",
    fix="give the program a fixed port",
    reference="https://reproducible-builds.org/docs/randomness/",
    axis="",
)

DETECTOR = detector(
    _CAUSE,
    Shape(
        value=r"(?:\S*:)?\d{4,5}",
        name=r"\bport\b|listen|socket|\btcp|\budp|\bbind|localhost:|127\.0\.0\.1:|0\.0\.0\.0:|"
        r"\[?::1?\]?:\d",
    ),
    rank=28,
)
