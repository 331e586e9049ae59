"""Short words of letters and digits that differ nearly everywhere: passwords, tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from samebit.explain.named_values import named_values
from samebit.explain.protocol import (
    Collected,
    Detector,
    Found,
    Pair,
    hidden,
    is_secret,
    shown,
)
from samebit.model.explanation import Cause, Confidence, Evidence

_CAUSE = Cause(
    name="random/token",
    confidence=Confidence.POSSIBLE,
    what="a word that reads like a random password or identifier differs",
    fix="make the value when the container starts, or give its generator a fixed seed",
    reference="https://reproducible-builds.org/docs/randomness/",
)
# Letters beside digits, or small beside capital ones in the middle: no word of a language.
_TOKEN = re.compile(rb"(?=[^\s]*\d)(?=[^\s]*[A-Za-z])[\w+/.=-]{6,}|(?=\w*[a-z][A-Z])[A-Za-z]{6,}")


def _detect(pair: Pair) -> Iterator[Found]:
    found = Collected()
    cause = _CAUSE
    for number, a, b in named_values(pair):
        if not (_TOKEN.fullmatch(a.value) and _TOKEN.fullmatch(b.value)):
            continue
        same = sum(one == other for one, other in zip(a.value, b.value, strict=False))
        if same * 2 <= min(len(a.value), len(b.value)):
            secret = is_secret(a.before)
            say = hidden if secret else shown
            cause = replace(cause, confidential=cause.confidential or secret)
            found.add(number, Evidence(a.at, b.at, say(a.value), say(b.value)), Confidence.POSSIBLE)
    yield from found.found(cause)


DETECTOR = Detector(_CAUSE.name, _detect, rank=65)
