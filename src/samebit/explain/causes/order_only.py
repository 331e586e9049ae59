"""The same lines, words or bytes in another order: directory listings, hash tables, races."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from samebit.explain.content import Content
from samebit.explain.protocol import Detector, Found, Pair, shown
from samebit.model.explanation import Cause, Confidence, Evidence

_LINES = Cause(
    name="order/lines",
    confidence=Confidence.CERTAIN,
    what="it holds the same lines in another order",
    fix="sort what is written (find … | LC_ALL=C sort, results of glob and readdir, keys of hash"
    " tables); of commands that run side by side, let only one write",
    reference="https://reproducible-builds.org/docs/stable-inputs/",
    axis="directory-order",
)
_WORDS = Cause(
    name="order/words",
    confidence=Confidence.LIKELY,
    what="it holds the same words in another order",
    fix="sort before writing; sets and dictionaries follow a random hash seed (PYTHONHASHSEED,"
    " PERL_HASH_SEED) or the order of a directory",
    reference="https://reproducible-builds.org/docs/stable-inputs/",
    axis="hash-seed",
)
# The whole file is compared in memory, as counts of its pieces.
_MOST = 4 << 20
_WORD = re.compile(rb"[^\s\"',;:(){}\[\]<>|=\x00-\x1f]+")


def _detect_lines(pair: Pair) -> Iterator[Found]:
    texts = _texts(pair)
    if texts is None:
        return
    left, right = texts[0].split(b"\n"), texts[1].split(b"\n")
    # A last line without its end, in the middle on the other side.
    counts = [Counter(line for line in lines if line) for lines in (left, right)]
    if counts[0] != counts[1] or sum(counts[0].values()) < 2:
        return
    number = next(
        (n for n, both in enumerate(zip(left, right, strict=False)) if both[0] != both[1]), 0
    )
    place = f"line {number + 1}"
    evidence = Evidence(None, None, shown(left[number]), shown(right[number]), place, place)
    yield Found(replace(_LINES, evidence=(evidence,)))


def _detect_words(pair: Pair) -> Iterator[Found]:
    texts = _texts(pair)
    if texts is None:
        return
    words = [_WORD.findall(text) for text in texts]
    if len(words[0]) < 3 or Counter(words[0]) != Counter(words[1]):
        return
    number = next(
        (n for n, both in enumerate(zip(*words, strict=True)) if both[0] != both[1]), None
    )
    if number is None:
        return
    one, other = (shown(b" ".join(side[number : number + 6])) for side in words)
    place = f"from word {number + 1} on"
    yield Found(replace(_WORDS, evidence=(Evidence(None, None, one, other, place, place),)))


def _texts(pair: Pair) -> tuple[bytes, bytes] | None:
    if max(pair.a.size, pair.b.size) > _MOST or abs(pair.a.size - pair.b.size) > 1:
        return None
    one, other = _whole(pair.a), _whole(pair.b)
    return None if b"\0" in one or b"\0" in other else (one, other)


def _whole(content: Content) -> bytes:
    return content.read(0, content.size)


LINES = Detector(_LINES.name, _detect_lines, rank=5)
WORDS = Detector(_WORDS.name, _detect_words, rank=6)
