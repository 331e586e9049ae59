"""Bytes without any structure: random ones, or what was encrypted or compressed."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.explain.protocol import Collected, Detector, Found, Pair, shown
from samebit.model.explanation import Cause, Confidence, Evidence

_CAUSE = Cause(
    name="random/bytes",
    confidence=Confidence.POSSIBLE,
    what="bytes without structure differ: they are random, encrypted or compressed",
    fix="make random values when the container starts; where it is compressed or encrypted data,"
    " look at what goes into it",
    reference="https://reproducible-builds.org/docs/randomness/",
)
_LEAST = 16
_MOST = 4096


def _detect(pair: Pair) -> Iterator[Found]:
    found = Collected()
    for number, hunk in enumerate(pair.hunks.places):
        a, b = (
            content.read(start, min(end - start, _MOST))
            for content, start, end in (
                (pair.a, hunk.start_a, hunk.end_a),
                (pair.b, hunk.start_b, hunk.end_b),
            )
        )
        if _is_random(a) and _is_random(b):
            size = hunk.end_a - hunk.start_a, hunk.end_b - hunk.start_b
            evidence = Evidence(
                hunk.start_a,
                hunk.start_b,
                shown(a[:_LEAST]),
                shown(b[:_LEAST]),
                *(
                    f"{length} bytes, {len(set(one))} values"
                    for length, one in zip(size, (a, b), strict=True)
                ),
            )
            found.add(number, evidence, Confidence.POSSIBLE)
    yield from found.found(_CAUSE)


def _is_random(data: bytes) -> bool:
    """Tell whether as many different values occur as in random bytes of that length."""
    if len(data) < _LEAST or max(data) < 0x80:
        return False
    expected = 256 * (1 - (255 / 256) ** len(data))
    return len(set(data)) > 0.85 * expected


DETECTOR = Detector(_CAUSE.name, _detect, rank=70)
