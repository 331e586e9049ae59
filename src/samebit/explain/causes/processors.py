"""The number of processors, written by `nproc`, `make -j`, or a program's defaults."""

from __future__ import annotations

import re
from collections.abc import Iterator

from samebit.explain.named_values import Shape, detector
from samebit.explain.protocol import Collected, Detector, Found, Pair, Window, shown
from samebit.model.explanation import Cause, Confidence, Evidence

_CAUSE = Cause(
    name="host/processors",
    confidence=Confidence.LIKELY,
    what="the number of processors of the build machine is written in it",
    fix="write a fixed number, or set it when the container starts",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="processors",
)
_NUMBER = re.compile(rb"(?<![\w.])\d{1,4}(?![\w.])")


def _detect(pair: Pair) -> Iterator[Found]:
    left, right = pair.facts_a.processors, pair.facts_b.processors
    if left is None or right is None or left == right:
        return
    found = Collected()
    for number, a, b in pair:
        at_a, at_b = _at(a, left), _at(b, right)
        if at_a is None or at_b is None:
            continue
        evidence = Evidence(
            a.offset + at_a,
            b.offset + at_b,
            shown(_line(a, at_a)),
            shown(_line(b, at_b)),
            f"{left} processors",
            f"{right} processors",
        )
        found.add(number, evidence, Confidence.LIKELY)
    yield from found.found(_CAUSE)


def _at(window: Window, wanted: int) -> int | None:
    for match in _NUMBER.finditer(window.data):
        touches = match.start() <= window.end and match.end() >= window.start
        if touches and int(match[0]) == wanted:
            return match.start()
    return None


def _line(window: Window, at: int) -> bytes:
    start = window.data.rfind(b"\n", 0, at) + 1
    end = window.data.find(b"\n", at)
    return window.data[start : end if end >= 0 else len(window.data)]


KNOWN = Detector(f"{_CAUSE.name} known", _detect, rank=35)
NAMED = detector(
    _CAUSE,
    Shape(
        value=r"(?:-?j)?\d{1,4}",
        name=r"n_?proc|processors?\b|\bcpus?\b|\bcores?\b|\bjobs\b|\s-j ?\d|threads?\b"
        r"|workers?(?:_processes)?\b",
    ),
    rank=46,
    known=lambda facts: facts.processors is not None,
)
