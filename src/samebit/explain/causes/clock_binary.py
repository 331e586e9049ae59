"""A time as a number of a fixed width somewhere in a binary file."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.explain.binary_times import binary_times
from samebit.explain.build_window import judge
from samebit.explain.protocol import Collected, Detector, Found, Pair, shown
from samebit.explain.text_times import Stamp
from samebit.model.explanation import Cause, Confidence, Evidence

_CAUSE = Cause(
    name="clock/number",
    confidence=Confidence.POSSIBLE,
    what="the time of the build is stored in it as a number",
    fix="make the program that writes it read SOURCE_DATE_EPOCH, or remove the file in its RUN",
    reference="https://reproducible-builds.org/docs/timestamps/",
    axis="clock",
)
_DAY = 86400


def _detect(pair: Pair) -> Iterator[Found]:
    # Without the builds' times every number of four bytes is some time or other: then only two of
    # one day are taken.
    known = pair.facts_a.started is not None and pair.facts_b.started is not None
    found = Collected()
    for number, a, b in pair:
        if a.end - a.start > 8 or b.end - b.start > 8 or a.end == a.start or b.end == b.start:
            continue
        others = {
            (stamp.form, stamp.start - b.start): stamp
            for stamp in binary_times(b.data, b.start, b.end)
        }
        for left in binary_times(a.data, a.start, a.end):
            right = others.get((left.form, left.start - a.start))
            if right is None or right.seconds == left.seconds:
                continue
            sure = judge((left, right), (pair.facts_a, pair.facts_b))
            if sure is None or not (known or _is_plausible(a.data, left, right)):
                continue
            evidence = Evidence(
                a.offset + left.start,
                b.offset + right.start,
                shown(a.data[left.start : left.end]),
                shown(b.data[right.start : right.end]),
                str(left),
                str(right),
            )
            found.add(number, evidence, sure if known else Confidence.POSSIBLE)
            break
    yield from found.found(_CAUSE)


def _is_plausible(data: bytes, left: Stamp, right: Stamp) -> bool:
    """Tell whether two numbers are of one day, and no digits or letters of a text."""
    value = data[left.start : left.end]
    near = 0 < right.seconds - left.seconds < _DAY
    return near and not all(0x20 <= byte < 0x7F for byte in value)


DETECTOR = Detector(_CAUSE.name, _detect, rank=40)
