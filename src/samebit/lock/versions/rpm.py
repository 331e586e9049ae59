"""RPM versions: `[EPOCH:]VERSION-RELEASE`, segment by segment (rpm-version(7))."""

from __future__ import annotations

import re

_SEGMENTS = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")
# A caret after the end is newer than the end, a tilde older; digits beat letters.
_TILDE, _END, _CARET, _LETTERS, _DIGITS = range(5)


def compare(one: str, other: str) -> int | None:
    """Compare epoch, version, release."""
    first, second = _key(one), _key(other)
    return (first > second) - (first < second)


def _key(text: str) -> tuple[object, ...]:
    epoch, colon, rest = text.rpartition(":")
    version, _, release = rest.partition("-")
    return int(epoch) if colon and epoch.isdecimal() else 0, _part(version), _part(release)


def _part(text: str) -> tuple[tuple[int, int, str], ...]:
    found = []
    for segment in _SEGMENTS.findall(text):
        if segment == "~":
            found.append((_TILDE, 0, ""))
        elif segment == "^":
            found.append((_CARET, 0, ""))
        elif segment.isdecimal():
            found.append((_DIGITS, int(segment), ""))
        else:
            found.append((_LETTERS, 0, segment))
    return (*found, (_END, 0, ""))
