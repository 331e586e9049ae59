"""JSON that says the same with its members in another order."""

from __future__ import annotations

import json
from collections.abc import Iterator

from samebit.explain.protocol import Detector, Found, Pair
from samebit.model.explanation import Cause, Confidence

_CAUSE = Cause(
    name="order/json",
    confidence=Confidence.CERTAIN,
    what="the JSON document says the same; its members or spaces stand differently",
    fix="write it with sorted keys: json.dumps(…, sort_keys=True), jq --sort-keys",
    reference="https://reproducible-builds.org/docs/stable-outputs/",
    axis="hash-seed",
)
_MOST = 16 << 20


def _detect(pair: Pair) -> Iterator[Found]:
    if max(pair.a.size, pair.b.size) > _MOST or pair.a.read(0, 1) not in (b"{", b"["):
        return
    try:
        one, other = (
            json.loads(content.read(0, content.size).decode("utf-8"))
            for content in (pair.a, pair.b)
        )
    except (ValueError, RecursionError):
        return
    if one == other:
        yield Found(_CAUSE)


DETECTOR = Detector(_CAUSE.name, _detect, rank=4)
