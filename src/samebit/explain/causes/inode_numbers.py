"""Numbers of files in the storage of the build."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/inode",
    confidence=Confidence.LIKELY,
    what="the inode numbers of files are written in it: the file system numbers them anew in"
    " each build",
    fix="leave inode numbers out (ls without -i, stat without %i)",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="storage",
)

DETECTOR = detector(_CAUSE, Shape(value=r"\d{2,20}", name=r"\binodes?\b|st_ino|\bino\b"), rank=28)
