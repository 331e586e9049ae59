"""Checksums of other files."""

from __future__ import annotations

from samebit.explain.named_values import Shape, detector
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="derived/checksum",
    confidence=Confidence.LIKELY,
    what="the checksum of another file that differs is written in it",
    fix="mend the file that it is the checksum of: it differs, too",
    reference="https://reproducible-builds.org/docs/stable-outputs/",
    axis="",
)

DETECTOR = detector(
    _CAUSE,
    Shape(
        value=r"(?:sha\d+[-:])?(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|"
        r"[0-9a-f]{96}|[0-9a-f]{128})|sha\d{3}-[\w+/]{28,88}={0,2}",
        name=r"sha\d+|md5|digest|check ?sum|integrity|\bhash|record\b|"
        r"\A[0-9a-f]{32,128}  ?[ *]\S+\Z",
    ),
    rank=58,
)
