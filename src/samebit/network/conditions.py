"""Conditional and range requests, answered from what was recorded (RFC 9110, 13.2 and 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz

ASKED_LOCALLY = frozenset(
    {"if-match", "if-modified-since", "if-none-match", "if-range", "if-unmodified-since", "range"}
)
"""Headers that are never sent upstream: the whole is recorded, and answered from."""

_RANGE = re.compile(r"bytes=\s*([0-9]*)-([0-9]*)\s*\Z")


@dataclass(frozen=True, slots=True)
class Part:
    """What of a recorded 200 is sent: its status, and the bytes from `start` to before `end`."""

    status: int
    start: int
    end: int


def choose_part(asked: Mapping[str, str], kept: Mapping[str, str], size: int) -> Part:
    """Choose what answers a GET or HEAD; both mappings have lower-case names. `size` in bytes.

    304 and 412 have no bytes; 416 has none either. Several ranges at once are answered by the
    whole, as every server may.
    """
    if ASKED_LOCALLY.isdisjoint(asked):
        return Part(200, 0, size)
    etag = kept.get("etag", "")
    modified = _seconds(kept.get("last-modified", ""))
    if "if-match" in asked:
        if not _matches(asked["if-match"], etag, weak=False):
            return Part(412, 0, 0)
    elif "if-unmodified-since" in asked:
        since = _seconds(asked["if-unmodified-since"])
        if since is not None and modified is not None and modified > since:
            return Part(412, 0, 0)
    if "if-none-match" in asked:
        if _matches(asked["if-none-match"], etag, weak=True):
            return Part(304, 0, 0)
    elif "if-modified-since" in asked:
        since = _seconds(asked["if-modified-since"])
        if since is not None and modified is not None and modified <= since:
            return Part(304, 0, 0)
    if "range" not in asked or not _range_holds(asked.get("if-range"), etag, kept):
        return Part(200, 0, size)
    match = _RANGE.match(asked["range"])
    if match is None or not (match[1] or match[2]):
        return Part(200, 0, size)
    if not match[1]:
        start, end = max(0, size - int(match[2])), size
        return Part(206, start, end) if int(match[2]) and size else Part(416, 0, 0)
    start = int(match[1])
    end = min(size, int(match[2]) + 1) if match[2] else size
    if match[2] and int(match[2]) < start:
        return Part(200, 0, size)
    return Part(206, start, end) if start < size else Part(416, 0, 0)


def _range_holds(condition: str | None, etag: str, kept: Mapping[str, str]) -> bool:
    if condition is None:
        return True
    if condition.startswith(('"', "W/")):
        return condition == etag and not etag.startswith("W/")
    return condition == kept.get("last-modified")


def _matches(condition: str, etag: str, *, weak: bool) -> bool:
    if condition.strip() == "*":
        return True
    if not etag:
        return False
    tags = [tag.strip() for tag in condition.split(",")]
    if weak:
        return etag.removeprefix("W/") in [tag.removeprefix("W/") for tag in tags]
    return etag in tags and not etag.startswith("W/")


def _seconds(value: str) -> int | None:
    parsed = parsedate_tz(value)
    if parsed is None:
        return None
    try:
        return mktime_tz(parsed)
    except (OverflowError, ValueError):
        return None
