"""Maven versions (maven.apache.org/pom.html, "Version Order Specification")."""

from __future__ import annotations

import re

_TOKENS = re.compile(r"([.-]?)([0-9]+|[A-Za-z]+|[^A-Za-z0-9.-]+)")
_QUALIFIERS = {
    "alpha": 0, "beta": 1, "milestone": 2, "rc": 3, "cr": 3, "snapshot": 4, "": 5, "final": 5,
    "ga": 5, "release": 5, "sp": 6,
}  # fmt: skip
_SHORT = {"a": "alpha", "b": "beta", "m": "milestone"}
_NOTHING, _UNKNOWN = 5, 7

_Token = tuple[str, str]


def compare(one: str, other: str) -> int | None:
    """Compare token by token; the shorter one is filled up with what means nothing."""
    first, second = _trimmed(one.lower()), _trimmed(other.lower())
    for position in range(max(len(first), len(second))):
        left = _place(first, second, position)
        right = _place(second, first, position)
        if left != right:
            return -1 if left < right else 1
    return 0


def _trimmed(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    for match in _TOKENS.finditer(text):
        # Where digits and letters meet, a hyphen is meant.
        separator = match[1] or ("-" if tokens else ".")
        if separator == "-":
            _drop_nothing(tokens)
        followed = text[match.end() : match.end() + 1].isdecimal()
        tokens.append((separator, _SHORT.get(match[2], match[2]) if followed else match[2]))
    _drop_nothing(tokens)
    return tokens


def _drop_nothing(tokens: list[_Token]) -> None:
    """Drop trailing tokens that mean nothing: 0, final, ga, release."""
    while tokens and (not tokens[-1][1].strip("0") or _rank(tokens[-1][1]) == _NOTHING):
        tokens.pop()


def _place(tokens: list[_Token], others: list[_Token], position: int) -> tuple[int, int, str]:
    """Order: qualifiers, then numbers after a hyphen, then numbers after a dot."""
    if position < len(tokens):
        separator, word = tokens[position]
    else:
        separator, word = others[position]
        word = "0" if word.isdecimal() and separator == "." else ""
    if word.isdecimal():
        return (2 if separator == "." else 1), int(word), ""
    rank = _rank(word)
    return 0, rank, word if rank == _UNKNOWN else ""


def _rank(word: str) -> int:
    return _QUALIFIERS.get(word, _UNKNOWN)
