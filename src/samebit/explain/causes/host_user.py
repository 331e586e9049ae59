"""The name of the user who built it."""

from __future__ import annotations

from samebit.explain import named_values, words
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/user",
    confidence=Confidence.CERTAIN,
    what="the name of the user who built it is written in it",
    fix="set USER and LOGNAME in the RUN that writes it, or leave the name out",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="user",
)

KNOWN = words.detector(_CAUSE, lambda facts: facts.users, rank=16)
NAMED = named_values.detector(
    _CAUSE,
    named_values.Shape(
        value=r"[a-z_][a-z0-9_.@-]{0,63}",
        label=r"\buser(?:[ _-]?name)?\b|log_?name|built[ _-]by|whoami",
    ),
    rank=46,
    known=lambda facts: bool(facts.users),
)
