"""Lines that commands wrote side by side: each one's are in order, together they are not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from samebit.explain.protocol import Collected, Detector, Found, Pair, shown
from samebit.model.explanation import Cause, Confidence, Evidence

_FIX = (
    "let only one command write, or collect what each writes and put it together in a fixed order"
    " (make without -j, wait between commands in the background, make --output-sync is not enough)"
)
_INTERLEAVED = Cause(
    name="race/interleaved",
    confidence=Confidence.LIKELY,
    what="the same lines of commands that ran side by side are interleaved in another way",
    fix=_FIX,
    reference="https://reproducible-builds.org/docs/stable-outputs/",
    axis="processors",
)
_OUTCOME = Cause(
    name="race/outcome",
    confidence=Confidence.POSSIBLE,
    what="its instruction runs commands side by side, and which of them came last may decide what"
    " is in it",
    fix=_FIX,
    reference="https://reproducible-builds.org/docs/stable-outputs/",
    axis="processors",
)
_MOST = 4 << 20
_SHOWN = 40
_WRITER = re.compile(rb"[^\d\s]+")
_LEAST_LINES = 4
_BACKGROUND = re.compile(
    r"[^&>|]&(?![&>])|\bmake\b[^;&|]*\s-j|\bxargs\b[^;|]*\s-P|\bparallel\b|\bninja\b"
)


def _detect_interleaved(pair: Pair) -> Iterator[Found]:
    if pair.a.size != pair.b.size or pair.a.size > _MOST:
        return
    # Of an instruction that starts nothing in the background no more is known than the order.
    if pair.instruction and not _BACKGROUND.search(pair.instruction):
        return
    left, right = (content.read(0, content.size).split(b"\n") for content in (pair.a, pair.b))
    if Counter(left) != Counter(right):
        return
    writers = [_by_writer(lines) for lines in (left, right)]
    kept = [
        name
        for name, lines in writers[0].items()
        # A list of paths is what one command found.
        if len(set(lines)) >= _LEAST_LINES and not name.startswith((b"/", b"./"))
    ]
    if len(kept) < 2 or writers[0] != writers[1]:
        return
    number = next(n for n, both in enumerate(zip(left, right, strict=True)) if both[0] != both[1])
    place = f"line {number + 1}"
    evidence = Evidence(None, None, shown(left[number]), shown(right[number]), place, place)
    yield Found(replace(_INTERLEAVED, evidence=(evidence,)))


def _by_writer(lines: list[bytes]) -> dict[bytes, list[bytes]]:
    """Group lines by their first word: those that one writer left."""
    found: dict[bytes, list[bytes]] = {}
    for line in lines:
        match = _WRITER.search(line)
        found.setdefault(match[0] if match else b"", []).append(line)
    return found


def _detect_outcome(pair: Pair) -> Iterator[Found]:
    if not pair.instruction or not _BACKGROUND.search(pair.instruction):
        return
    found = Collected()
    for number, hunk in enumerate(pair.hunks.places):
        one, other = (
            shown(content.read(start, min(end - start, _SHOWN)))
            for content, start, end in (
                (pair.a, hunk.start_a, hunk.end_a),
                (pair.b, hunk.start_b, hunk.end_b),
            )
        )
        evidence = Evidence(hunk.start_a, hunk.start_b, one, other)
        found.add(number, evidence, Confidence.POSSIBLE)
    yield from found.found(_OUTCOME)


INTERLEAVED = Detector(_INTERLEAVED.name, _detect_interleaved, rank=4)
OUTCOME = Detector(_OUTCOME.name, _detect_outcome, rank=75)
