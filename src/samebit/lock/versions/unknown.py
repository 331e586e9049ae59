"""Versions that nothing is known about."""

from __future__ import annotations


def compare(one: str, other: str) -> int | None:
    """Give 0 for equal texts, else None."""
    return 0 if one == other else None
