"""Python bytecode: the source's time in its header, or the order of its constants."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

from samebit.explain.protocol import Detector, Found, Pair, shown
from samebit.model.explanation import Cause, Confidence, Evidence

_REFERENCE = "https://peps.python.org/pep-0552/"
_HEADER = Cause(
    name="python/source-time",
    confidence=Confidence.CERTAIN,
    what="the bytecode holds the modification time of its source",
    fix="compile with python -m compileall --invalidation-mode unchecked-hash, or set"
    " PYTHONDONTWRITEBYTECODE=1",
    reference=_REFERENCE,
    axis="mtimes",
)
_BODY = Cause(
    name="python/bytecode",
    confidence=Confidence.LIKELY,
    what="the same source was compiled to other bytes: order of set constants, or references that"
    " depend on what was compiled before",
    fix="set PYTHONHASHSEED=0 and compile in one process: python -m compileall",
    reference="https://bugs.python.org/issue34093",
    axis="hash-seed",
)
# The second two of the magic number's four bytes (Lib/importlib/_bootstrap_external.py).
_MAGIC_END = b"\r\n"


def _detect(pair: Pair) -> Iterator[Found]:
    heads = pair.heads(16)
    if any(head[2:4] != _MAGIC_END or len(head) < 16 for head in heads):
        return
    places = [(hunk.start_a, number) for number, hunk in enumerate(pair.hunks.places)]
    header = frozenset(number for start, number in places if start < 16)
    body = frozenset(number for start, number in places if start >= 16)
    (left, time_a), (right, time_b) = (struct.unpack("<4xII4x", head) for head in heads)
    if header and left == right == 0 and time_a != time_b:
        evidence = Evidence(
            8, 8, shown(heads[0][8:12]), shown(heads[1][8:12]), _moment(time_a), _moment(time_b)
        )
        yield Found(replace(_HEADER, evidence=(evidence,)), header)
    if body and heads[0][:4] == heads[1][:4]:
        yield Found(replace(_BODY, places=len(body)), body)


def _moment(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


HEADER = Detector(_HEADER.name, _detect, rank=3)
