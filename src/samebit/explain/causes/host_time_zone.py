"""The time zone of the build."""

from __future__ import annotations

from samebit.explain import named_values, words
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/time-zone",
    confidence=Confidence.CERTAIN,
    what="the time zone of the build is written in it",
    fix="set TZ=UTC in the RUN that writes it",
    reference="https://reproducible-builds.org/docs/timezones/",
    axis="time-zone",
)

KNOWN = words.detector(_CAUSE, lambda facts: (facts.time_zone,) if facts.time_zone else (), rank=19)
NAMED = named_values.detector(
    _CAUSE,
    named_values.Shape(
        value=r"[A-Z]{1,5}(?:[+-]?\d{1,2}(?:[A-Z]{3,4})?)?|[+-]\d{2}:?\d{2}|(?:UTC|GMT)[+-]\d+|"
        r"[A-Z][a-z]+/[A-Z][\w/+-]+",
        name=r"time ?_?-?zone|\bTZ\b|\bzone\b|tzdata",
    ),
    rank=46,
    known=lambda facts: bool((facts.time_zone,) if facts.time_zone else ()),
)
