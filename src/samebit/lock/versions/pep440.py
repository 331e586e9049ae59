"""Python versions (PEP 440, "Summary of permitted suffixes and relative ordering")."""

from __future__ import annotations

import re

_VERSION = re.compile(
    r"v?(?:([0-9]+)!)?([0-9]+(?:\.[0-9]+)*)"
    r"(?:[-_.]?(alpha|beta|preview|pre|rc|a|b|c)[-_.]?([0-9]*))?"
    r"(?:-([0-9]+)|[-_.]?(post|rev|r)[-_.]?([0-9]*))?"
    r"(?:[-_.]?(dev)[-_.]?([0-9]*))?"
    r"(?:\+([a-z0-9]+(?:[-_.][a-z0-9]+)*))?\Z"
)
_STAGES = {"a": 1, "alpha": 1, "b": 2, "beta": 2, "c": 3, "rc": 3, "pre": 3, "preview": 3}
_DEVELOPMENT, _FINAL = 0, 4


def compare(one: str, other: str) -> int | None:
    """Compare two versions; None when one is none."""
    first, second = _key(one), _key(other)
    if first is None or second is None:
        return None
    return (first > second) - (first < second)


def _key(text: str) -> tuple[object, ...] | None:
    match = _VERSION.match(text.lower())
    if match is None:
        return None
    (
        epoch,
        release,
        stage,
        stage_number,
        implicit_post,
        post,
        post_number,
        dev,
        dev_number,
        local,
    ) = match.groups()
    numbers = [int(part) for part in release.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    is_post = bool(post or implicit_post)
    if stage:
        before: tuple[int, int] = (_STAGES[stage], int(stage_number or 0))
    elif dev and not is_post:
        # 1.0.dev1 comes before 1.0a1.
        before = (_DEVELOPMENT, 0)
    else:
        before = (_FINAL, 0)
    after = int(implicit_post or post_number or 0) + 1 if is_post else 0
    # Without .dev it is the later one.
    development = (0, int(dev_number or 0)) if dev else (1, 0)
    return int(epoch or 0), tuple(numbers), before, after, development, _local(local)


def _local(text: str | None) -> tuple[tuple[int, int, str], ...]:
    words = re.split("[-_.]", text) if text else []
    return tuple((1, int(word), "") if word.isdecimal() else (0, 0, word) for word in words)
