"""Telling whether a time belongs to the build that wrote it."""

from __future__ import annotations

from datetime import UTC, datetime

from samebit.explain.protocol import BuildFacts
from samebit.explain.text_times import Stamp
from samebit.model.explanation import Confidence

# Clocks of containers and file systems are a little behind or before.
_SLACK = 3
_DAY = 86400
# Offsets of time zones are multiples of a quarter of an hour, from -12 to +14 hours.
_QUARTER = 900
_ZONES = range(-14 * 3600, 12 * 3600 + 1, _QUARTER)


def judge(stamps: tuple[Stamp, Stamp], facts: tuple[BuildFacts, BuildFacts]) -> Confidence | None:
    """Say how sure it is that both times are their own build's; None: they are not.

    Where nothing is known about the builds, two times that differ are likely to be.
    """
    windows = [_window(one) for one in facts]
    if windows[0] is None or windows[1] is None:
        vague = stamps[0].daily or stamps[0].width > _DAY
        return Confidence.POSSIBLE if vague else Confidence.LIKELY
    fits = [
        _fit(stamp, *window)
        for stamp, window in zip(stamps, windows, strict=True)
        if window is not None
    ]
    if None in fits:
        return _real_times(stamps, windows, fits)
    return Confidence.LIKELY if Confidence.LIKELY in fits else Confidence.CERTAIN


def _real_times(
    stamps: tuple[Stamp, Stamp],
    windows: list[tuple[int, int] | None],
    fits: list[Confidence | None],
) -> Confidence | None:
    """Judge two times of which one is not in its build's window.

    A moved clock does not reach every program (those without libc's calls): such a one wrote the
    real time, which is that of the build whose clock was not moved, within a day.
    """
    for number, fit in enumerate(fits):
        window = windows[number]
        if fit is not Confidence.CERTAIN or window is None:
            continue
        started, ended = window
        other = stamps[1 - number]
        if not other.daily and _fit(other, started - _DAY, ended + _DAY) is Confidence.CERTAIN:
            return Confidence.LIKELY
    return None


def _window(facts: BuildFacts) -> tuple[int, int] | None:
    if facts.started is None or facts.ended is None:
        return None
    return facts.started - _SLACK, facts.ended + _SLACK


def _fit(stamp: Stamp, started: int, ended: int) -> Confidence | None:
    if stamp.daily:
        return Confidence.LIKELY if _in_a_day(stamp, started, ended) else None
    if stamp.yearly:
        return Confidence.LIKELY if _in_a_year(stamp, started, ended) else None
    if _overlaps(stamp.seconds, stamp.width, started, ended):
        # A month fits every build of that month.
        return Confidence.CERTAIN if stamp.width <= _DAY else Confidence.LIKELY
    if not stamp.zoned and any(
        _overlaps(stamp.seconds + zone, stamp.width, started, ended) for zone in _ZONES
    ):
        return Confidence.LIKELY
    return None


def _overlaps(seconds: int, width: int, started: int, ended: int) -> bool:
    return seconds <= ended and seconds + width > started


def _in_a_day(stamp: Stamp, started: int, ended: int) -> bool:
    if ended - started >= _DAY:
        return False
    return any(
        _overlaps(started - started % _DAY + day + stamp.seconds, stamp.width, started, ended)
        for day in (0, _DAY)
    )


def _in_a_year(stamp: Stamp, started: int, ended: int) -> bool:
    moment = datetime.fromtimestamp(stamp.seconds, UTC)
    for seconds in (started, ended):
        year = datetime.fromtimestamp(seconds, UTC).year
        try:
            same = int(moment.replace(year=year).timestamp())
        except ValueError:
            continue
        if any(_overlaps(same + zone, stamp.width, started, ended) for zone in _ZONES):
            return True
    return False
