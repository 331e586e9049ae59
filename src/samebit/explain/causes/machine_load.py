"""How busy the machine was."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/load",
    confidence=Confidence.LIKELY,
    what="the load of the build machine is written in it",
    fix="leave it out: it differs in each build",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="",
)

DETECTOR = detector(
    _CAUSE,
    Shape(
        value=r"\d+\.\d+,?",
        name=r"\bload(?: ?avg| average)?\b",
        line=r"\A\d+\.\d\d \d+\.\d\d \d+\.\d\d \d+/\d+ \d+\Z",
    ),
    rank=24,
)
