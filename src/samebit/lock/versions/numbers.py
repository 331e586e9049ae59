"""Tags of images: only numbers with dots, alone or before the same words, have an order."""

from __future__ import annotations

import re

_TAG = re.compile(r"v?([0-9]+(?:\.[0-9]+)*)(.*)\Z")


def compare(one: str, other: str) -> int | None:
    """Compare the numbers; None unless what follows them is the same."""
    first, second = _TAG.match(one), _TAG.match(other)
    if first is None or second is None or first[2] != second[2]:
        return None
    left, right = ([int(part) for part in match[1].split(".")] for match in (first, second))
    return (left > right) - (left < right)
