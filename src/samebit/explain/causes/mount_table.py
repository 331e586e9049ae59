"""The list of mounts in the build's container."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="host/mounts",
    confidence=Confidence.LIKELY,
    what="the mounts of the build's container are written in it, with paths and numbers of"
    " the engine's storage",
    fix="leave /proc/mounts and /proc/self/mountinfo out",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="storage",
)

DETECTOR = detector(
    _CAUSE,
    Shape(
        value=r"\S*(?:lowerdir|upperdir|workdir)=\S+|\d+:\d+",
        name=r"mountinfo|\boverlay\b",
        line=r"\A\d+ \d+ \d+:\d+ /\S* /\S* \S+.* - \S+ |\A\S+ /\S* (?:overlay|proc|sysfs|"
        r"tmpfs|devpts|ext4|xfs|btrfs|mqueue|cgroup2?) \S+ \d \d\Z",
    ),
    rank=12,
)
