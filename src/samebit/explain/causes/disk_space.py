"""How much space the machine's disk had left."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/disk",
    confidence=Confidence.LIKELY,
    what="the free or used space of the build machine's disk is written in it",
    fix="write a fixed size, or set it when the container starts",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="storage",
)

DETECTOR = detector(
    _CAUSE,
    Shape(
        value=r"\d+(?:\.\d+)?[kmgtp]?i?b?%?",
        name=r"\bdisk|\bspace\b|free[ _-]?space|\bdf\b|file ?system|\bblocks\b|statv?fs",
        heading=r"\AFilesystem\b.*\b(?:Used|Avail)",
    ),
    rank=28,
)
