"""Debian versions (deb-version(7))."""

from __future__ import annotations

import re

_VERSION = re.compile(r"(?:([0-9]+):)?([A-Za-z0-9.+~:-]*?)(?:-([A-Za-z0-9.+~]*))?\Z")
_RUNS = re.compile(r"([^0-9]*)([0-9]*)")


def compare(one: str, other: str) -> int | None:
    """Compare epoch, upstream version and revision; None for what is no Debian version."""
    first, second = _key(one), _key(other)
    if first is None or second is None:
        return None
    return (first > second) - (first < second)


def _key(text: str) -> tuple[object, ...] | None:
    match = _VERSION.match(text)
    if match is None:
        return None
    return int(match[1] or 0), _part(match[2]), _part(match[3] or "0")


def _part(text: str) -> tuple[tuple[tuple[int, ...], int], ...]:
    """Give runs of other characters and of digits in turn, so that tuples compare as dpkg does."""
    found = []
    for letters, digits in _RUNS.findall(text):
        # The end of a run sorts after a tilde and before everything else.
        found.append(((*map(_weight, letters), 0), int(digits or 0)))
    return tuple(found)


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256
