"""Verifications that tests word: one that is identical, one in which a path differs."""

from __future__ import annotations

from dataclasses import replace

from sample_report import A, B

from samebit.errors import Place
from samebit.model.explanation import Cause, Confidence, Evidence
from samebit.model.verification import (
    AsBuilt,
    BuildOutcome,
    Instruction,
    PathDifference,
    UnvariedAxis,
    VariedAxis,
    Verification,
)

HOST = VariedAxis("host-name", "varied-host-1")
SAME = Verification(
    digest=A,
    builds=(BuildOutcome(A, ()), BuildOutcome(A, (HOST,))),
    axes=(HOST,),
    not_varied=(UnvariedAxis("runtime", "crun is not installed"),),
    seconds_apart=70,
    as_built=AsBuilt(),
    builds_made=2,
)
CAUSE = Cause(
    "host/name",
    Confidence.CERTAIN,
    "the name is in it",
    "leave it out",
    "https://example.org/",
    (Evidence(0, 0, "one", "two"),),
    axis="host-name",
)
RUN = Instruction(Place("Dockerfile", 4), "RUN hostname > /name")
COPY = Instruction(Place("Dockerfile", 9), "COPY --from=one /name /")
PATH = PathDifference("/name", axes=("host-name",), instruction=RUN, causes=(CAUSE,))
OTHER = replace(
    SAME,
    builds=(BuildOutcome(A, ()), BuildOutcome(B, (HOST,))),
    differences=(PATH,),
    difference_count=1,
    bisected=True,
)
