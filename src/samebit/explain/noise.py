"""The cause of files that differ in nothing but what a normaliser takes away."""

from __future__ import annotations

from dataclasses import replace

from samebit.model.explanation import Cause, Confidence

_NOISE = Cause(
    name="noise/known",
    confidence=Confidence.CERTAIN,
    what="nothing differs but what a normaliser takes away",
    fix="build with samebit, or make it canonical: samebit normalise. What a normaliser takes away"
    " for comparing alone stays in images: leave it out in the RUN that makes it",
    reference="https://reproducible-builds.org/docs/stripping-unreproducible-information/",
)


def known_noise(normaliser: str, *, comparing_only: bool) -> Cause:
    """Name the normaliser; `comparing_only` says that images keep what it takes away."""
    what = f"nothing differs but what the normaliser {normaliser} takes away"
    fix = "leave it out in the RUN that makes it: that normaliser is for comparing alone"
    if not comparing_only:
        fix = "build with samebit, or make it canonical: samebit normalise"
    return replace(_NOISE, what=what, fix=fix)
