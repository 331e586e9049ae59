"""A number of which nothing says where it comes from."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="value/number",
    confidence=Confidence.LIKELY,
    what="a number differs, and nothing says where it comes from: a random number, a counter,"
    " a size or an address",
    fix="look for what writes it: give random generators a fixed seed (they are often seeded"
    " with the time), and leave out what the machine decides",
    reference="https://reproducible-builds.org/docs/randomness/",
    axis="",
)

DETECTOR = detector(
    _CAUSE,
    Shape(value=r"[+-]?\d+(?:\.\d+)?(?:e[+-]?\d+)?", name=r".", sure=Confidence.POSSIBLE),
    rank=80,
)
