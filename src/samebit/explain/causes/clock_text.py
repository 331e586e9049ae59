"""A time written as text: `date`, `__DATE__`, a log line, a generated header."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.explain.build_window import judge
from samebit.explain.protocol import Collected, Detector, Found, Pair, Window, shown
from samebit.explain.text_times import Stamp, text_times
from samebit.model.explanation import Cause, Confidence, Evidence

_CAUSE = Cause(
    name="clock/text",
    confidence=Confidence.POSSIBLE,
    what="the time of the build is written in it",
    fix="take the time from SOURCE_DATE_EPOCH, which RUN has (date -u -d @$SOURCE_DATE_EPOCH; gcc"
    " and clang read it for __DATE__ and __TIME__), or remove the file in the same RUN",
    reference="https://reproducible-builds.org/docs/timestamps/",
    axis="clock",
)


def _detect(pair: Pair) -> Iterator[Found]:
    found = Collected()
    for number, a, b in pair:
        best = _best(pair, a, b)
        if best is not None:
            confidence, left, right = best
            found.add(number, _evidence(a, b, left, right), confidence)
    yield from found.found(_CAUSE)


def _best(pair: Pair, a: Window, b: Window) -> tuple[Confidence, Stamp, Stamp] | None:
    order = list(Confidence)
    best: tuple[Confidence, Stamp, Stamp] | None = None
    others = list(_touching(b))
    for left in _touching(a):
        for right in others:
            if left.form != right.form or left.seconds == right.seconds:
                continue
            sure = judge((left, right), (pair.facts_a, pair.facts_b))
            if sure is not None and (best is None or order.index(sure) < order.index(best[0])):
                best = sure, left, right
    return best


def _touching(window: Window) -> Iterator[Stamp]:
    for stamp in text_times(window.data):
        if stamp.start < max(window.end, window.start + 1) and stamp.end > window.start:
            yield stamp


def _evidence(a: Window, b: Window, left: Stamp, right: Stamp) -> Evidence:
    return Evidence(
        a.offset + left.start,
        b.offset + right.start,
        shown(a.data[left.start : left.end]),
        shown(b.data[right.start : right.end]),
        str(left),
        str(right),
    )


DETECTOR = Detector(_CAUSE.name, _detect, rank=30)
