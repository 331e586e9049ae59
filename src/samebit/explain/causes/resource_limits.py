"""What the machine let a process use."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/limits",
    confidence=Confidence.LIKELY,
    what="a limit of the build's processes is written in it",
    fix="write a fixed number: limits are the machine's",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="open-files",
)

DETECTOR = detector(
    _CAUSE,
    Shape(
        value=r"\d+|unlimited",
        name=r"open ?files|nofile|max ?files|\bulimit|rlimit|max user processes",
        line=r"\AMax [a-z ]+ {2,}(?:\d+|unlimited) +(?:\d+|unlimited)",
    ),
    rank=27,
)
