"""The directory of one build, written into what it made."""

from __future__ import annotations

from samebit.explain import words
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="path/build",
    confidence=Confidence.CERTAIN,
    what="the path of a directory that only this build used is written in it",
    fix="build in a fixed directory (WORKDIR), or map it away: gcc -ffile-prefix-map=$PWD=.,"
    " go build -trimpath, rustc --remap-path-prefix",
    reference="https://reproducible-builds.org/docs/build-path/",
    axis="path",
)

KNOWN = words.detector(_CAUSE, lambda facts: facts.paths, rank=14)
