"""The same content, compressed in another way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from samebit.explain.protocol import Detector, Found, Kind, Pair
from samebit.model.explanation import Cause, Confidence, Evidence

_CAUSE = Cause(
    name="archive/packing",
    confidence=Confidence.CERTAIN,
    what="it holds the same, compressed in another way: with another number of threads, another"
    " level, or by another program",
    fix="name the level and the number of threads (xz -6 -T1, gzip -9n; not pigz or pixz), and pin"
    " the program's version",
    reference="https://reproducible-builds.org/docs/archives/",
    axis="processors",
)
_COMPRESSED = ("gzip", "xz", "zip")


def _detect(pair: Pair) -> Iterator[Found]:
    if pair.archives is None or pair.archives[0].kind not in _COMPRESSED:
        return
    if pair.archives[0] == pair.archives[1]:
        a, b = (f"{content.size} bytes" for content in (pair.a, pair.b))
        evidence = Evidence(None, None, pair.archives[0].kind, pair.archives[1].kind, a, b)
        yield Found(replace(_CAUSE, evidence=(evidence,)))


DETECTOR = Detector(_CAUSE.name, _detect, of=Kind.ARCHIVE)
