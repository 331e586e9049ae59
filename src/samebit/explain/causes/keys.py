"""Keys and certificates that the build generates: random, and the same for everyone afterwards."""

from __future__ import annotations

import re
from collections.abc import Iterator

from samebit.explain.protocol import Collected, Detector, Found, Pair
from samebit.model.explanation import Cause, Confidence, Evidence

_CAUSE = Cause(
    name="random/key",
    confidence=Confidence.CERTAIN,
    what="a key is generated in the build: it is random, and everyone who has the image has it",
    fix="generate the key when the container starts, and remove it in the RUN that made it",
    reference="https://reproducible-builds.org/docs/randomness/",
    confidential=True,
)
# RFC 7468 textual encodings, and public keys as OpenSSH writes them (RFC 4253, 6.6).
_BLOCK = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]*(?:KEY|CERTIFICATE|PARAMETERS)[A-Z0-9 ]*)-----.*?(?:-----END|\Z)"
    rb"|((?:ssh|ecdsa|sk-ssh)-[a-z0-9@.-]+) AAAA[0-9A-Za-z+/=]+",
    re.DOTALL,
)
_MOST = 1 << 20


def _detect(pair: Pair) -> Iterator[Found]:
    left, right = (list(_BLOCK.finditer(head)) for head in pair.heads(_MOST))
    if not left or not right:
        return
    found = Collected()
    for number, hunk in enumerate(pair.hunks.places):
        one = _holding(left, hunk.start_a, hunk.end_a)
        other = _holding(right, hunk.start_b, hunk.end_b)
        if one is not None and other is not None:
            # Never any of the key itself.
            evidence = Evidence(one.start(), other.start(), _kind(one), _kind(other))
            found.add(number, evidence, Confidence.CERTAIN)
    yield from found.found(_CAUSE)


def _holding(blocks: list[re.Match[bytes]], start: int, end: int) -> re.Match[bytes] | None:
    return next((one for one in blocks if one.start() <= start and end <= one.end()), None)


def _kind(block: re.Match[bytes]) -> str:
    return (block[1] or block[2]).decode("ascii", "replace").lower()


DETECTOR = Detector(_CAUSE.name, _detect, rank=10)
