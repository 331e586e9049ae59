"""Words that only one of the builds knew: its host's name, its paths; or values called so."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from samebit.explain.protocol import (
    BuildFacts,
    Collected,
    Detector,
    Found,
    Pair,
    Window,
    shown,
)
from samebit.model.explanation import Cause, Confidence, Evidence


def detector(cause: Cause, of: Callable[[BuildFacts], tuple[str, ...]], rank: int) -> Detector:
    """Make the detector of words that `of` gives for each build: both sides hold their own."""

    def detect(pair: Pair) -> Iterator[Found]:
        # Longest first: a path before the directory that it is in.
        known_a = sorted(map(str.encode, of(pair.facts_a)), key=lambda w: (-len(w), w))
        known_b = sorted(map(str.encode, of(pair.facts_b)), key=lambda w: (-len(w), w))
        if known_a == known_b:
            return
        found = Collected()
        for number, a, b in pair:
            left = _word(a, known_a)
            right = _word(b, known_b)
            if left is None or right is None or left[1] == right[1]:
                continue
            evidence = Evidence(
                a.offset + left[0], b.offset + right[0], shown(left[1]), shown(right[1])
            )
            found.add(number, evidence, Confidence.CERTAIN)
        yield from found.found(cause)

    return Detector(f"{cause.name} known", detect, rank=rank)


def _word(window: Window, words: list[bytes]) -> tuple[int, bytes] | None:
    """Find a word that touches the differing place."""
    for word in words:
        at = window.data.find(word, max(0, window.start - len(word)))
        if 0 <= at <= window.end and len(word) > 1:
            return at, word
    return None
