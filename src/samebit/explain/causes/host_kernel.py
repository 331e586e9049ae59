"""The release of the kernel that ran the build."""

from __future__ import annotations

from samebit.explain import named_values, words
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/kernel",
    confidence=Confidence.CERTAIN,
    what="the release of the kernel that built it is written in it",
    fix="take the release from a file or an argument and not from uname",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="kernel",
)

KNOWN = words.detector(_CAUSE, lambda facts: (facts.kernel,) if facts.kernel else (), rank=17)
NAMED = named_values.detector(
    _CAUSE,
    named_values.Shape(
        value=r"[2-9]\.\d{1,3}(?:\.\d{1,3})?(?:[-+._][\w.+~-]*)?",
        name=r"kernel|linux|uname|os_?release",
    ),
    rank=46,
    known=lambda facts: bool((facts.kernel,) if facts.kernel else ()),
)
