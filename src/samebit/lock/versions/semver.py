"""Semantic versions (semver.org 2.0.0), with or without a `v`, of one to four numbers."""

from __future__ import annotations

import re

_VERSION = re.compile(r"v?([0-9]+(?:\.[0-9]+){0,3})(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?\Z")
_LENGTH = 4


def compare(one: str, other: str) -> int | None:
    """Compare by precedence; build metadata does not count, so different texts may be equal."""
    first, second = _key(one), _key(other)
    if first is None or second is None:
        return None
    return (first > second) - (first < second)


def _key(text: str) -> tuple[object, ...] | None:
    match = _VERSION.match(text)
    if match is None:
        return None
    numbers = [int(part) for part in match[1].split(".")]
    numbers += [0] * (_LENGTH - len(numbers))
    if match[2] is None:
        return tuple(numbers), 1, ()
    words = tuple(
        (0, int(word), "") if word.isdecimal() else (1, 0, word) for word in match[2].split(".")
    )
    return tuple(numbers), 0, words
