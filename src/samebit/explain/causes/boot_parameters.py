"""The command line of the machine's kernel."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/kernel-command-line",
    confidence=Confidence.LIKELY,
    what="the command line of the build machine's kernel is written in it",
    fix="leave /proc/cmdline out",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="machine",
)

DETECTOR = detector(
    _CAUSE,
    Shape(value=r"\S+", name=r"\bcmdline\b|command[ _-]?line|BOOT_IMAGE=|\bro quiet\b"),
    rank=28,
)
