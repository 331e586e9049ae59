"""The name of the machine that built it."""

from __future__ import annotations

from samebit.explain import named_values, words
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/name",
    confidence=Confidence.CERTAIN,
    what="the name of the machine that built it is written in it",
    fix="do not write the host name, or give a fixed one in the file; RUN sees the host name"
    " samebit",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="host-name",
)

KNOWN = words.detector(_CAUSE, lambda facts: facts.names, rank=15)
NAMED = named_values.detector(
    _CAUSE,
    named_values.Shape(
        value=r"[a-z0-9][a-z0-9.-]{0,252}",
        label=r"host[ _-]?name|\bhost\b|build[ _-]?host|nodename|built on",
    ),
    rank=46,
    known=lambda facts: bool(facts.names),
)
