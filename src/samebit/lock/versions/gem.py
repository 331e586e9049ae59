"""Ruby gem versions (Gem::Version): numbers, and letters that make a prerelease."""

from __future__ import annotations

import re

_VERSION = re.compile(r"[0-9]+(\.[0-9A-Za-z]+)*(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?\Z")
_SEGMENTS = re.compile(r"[0-9]+|[A-Za-z]+")
# The end counts as a zero: letters come before it, every other number after.
_END = (1, 0, "")


def compare(one: str, other: str) -> int | None:
    """Compare two versions; None when one is none."""
    if not _VERSION.match(one) or not _VERSION.match(other):
        return None
    first, second = _segments(one), _segments(other)
    length = max(len(first), len(second))
    padded = [tuple(s + [_END] * (length - len(s))) for s in (first, second)]
    return (padded[0] > padded[1]) - (padded[0] < padded[1])


def _segments(text: str) -> list[tuple[int, int, str]]:
    words = _SEGMENTS.findall(text.replace("-", ".pre."))
    return [(1, int(w), "") if w.isdecimal() else (0, 0, w) for w in words]
