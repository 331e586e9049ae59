"""How long the machine had been running, or when it was started."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/uptime",
    confidence=Confidence.LIKELY,
    what="how long the build machine had been running is written in it",
    fix="leave it out: it says when the build ran",
    reference="https://reproducible-builds.org/docs/timestamps/",
    axis="clock",
)

DETECTOR = detector(
    _CAUSE,
    Shape(
        value=r"\d+(?:\.\d+)?[smhd]?|\d+:\d\d(?::\d\d)?",
        name=r"up ?time|since boot|\bbtime\b|monotonic",
        line=r"\A\d+\.\d\d \d+\.\d\d\Z|\A \d\d:\d\d:\d\d up .*load average|\Abtime \d+\Z",
        # Two such numbers may be something else.
        surest=Confidence.LIKELY,
    ),
    rank=25,
)
