"""The locale of the build."""

from __future__ import annotations

from samebit.explain import named_values, words
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/locale",
    confidence=Confidence.CERTAIN,
    what="the locale of the build is written in it",
    fix="set LC_ALL=C.UTF-8 in the RUN that writes it",
    reference="https://reproducible-builds.org/docs/locales/",
    axis="locale",
)

KNOWN = words.detector(_CAUSE, lambda facts: (facts.locale,) if facts.locale else (), rank=18)
NAMED = named_values.detector(
    _CAUSE,
    named_values.Shape(
        value=r"C|POSIX|(?:C|[a-z]{2,3}_[A-Z]{2})(?:\.[\w-]+)?(?:@\w+)?",
        name=r"locale|\bLANG(?:UAGE)?\b|\bLC_\w+|lang",
    ),
    rank=46,
    known=lambda facts: bool((facts.locale,) if facts.locale else ()),
)
