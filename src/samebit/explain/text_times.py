"""Times written as text: the forms that compilers, loggers, archivers and languages use."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

# Nothing that a build of today writes lies outside of this.
EARLIEST = 946_684_800  # 2000-01-01
LATEST = 4_102_444_800  # 2100-01-01

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), 1
    )
}
_MONTH = "(?P<month>" + "|".join(_MONTHS) + ")"
_LONG_MONTH = rf"{_MONTH}[a-z]*"
_WIDTHS = {"second": 1, "minute": 60, "day": 86400}
_MONTH_LENGTH, _YEAR_LENGTH = 31 * 86400, 366 * 86400
_PRECISION = (
    (_YEAR_LENGTH, "%Y"),
    (_MONTH_LENGTH, "%Y-%m"),
    (86400, "%Y-%m-%d"),
    (0, "%Y-%m-%d %H:%M:%S"),
)
_DAY_NAME = r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_CLOCK = r"(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d):(?P<second>[0-5]\d)"
_ZONE = r"(?P<zone> ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
_EDGE = r"(?<![0-9A-Za-z.])"
_END = r"(?![0-9A-Za-z])"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time found at `start` to `end` of some bytes.

    `seconds` since 1970 is the earliest time that it can mean, `width` how many seconds from there
    on it can mean (a date is a day). `zoned` says that no time zone has to be guessed. `daily`: it
    is a time of day without a date, and `seconds` counts from midnight. `yearly`: it has no year,
    and is given as one of the year 2000.
    """

    start: int
    end: int
    seconds: int
    width: int
    form: str
    zoned: bool
    daily: bool = False
    yearly: bool = False

    def __str__(self) -> str:
        if self.daily:
            return f"{timedelta(seconds=self.seconds)} ({self.form})"
        moment = datetime.fromtimestamp(self.seconds, UTC)
        if self.yearly:
            return f"{moment:%m-%d %H:%M} ({self.form})"
        text = moment.strftime(next(form for width, form in _PRECISION if self.width >= width))
        return f"{text}{' UTC' if self.zoned else ''} ({self.form})"


_Match = re.Match[bytes]
_Read = Callable[[_Match], tuple[int, int, bool] | None]


def _dated(match: _Match) -> tuple[int, int, bool] | None:
    """Read year, month, day and what there is of hour, minute and second."""
    parts = match.groupdict()
    month = parts["month"]
    number = _MONTHS.get(month.decode("ascii", "replace")) or int(month)
    year = int(parts["year"])
    zone = parts.get("zone")
    hour, minute, second = (int(parts.get(name) or 0) for name in ("hour", "minute", "second"))
    try:
        moment = datetime(
            year, number, int(parts["day"]), hour, minute, min(second, 59), tzinfo=_zone(zone)
        )
        seconds = int(moment.timestamp())
    except (ValueError, OverflowError):
        return None
    finest = next((n for n in ("second", "minute") if parts.get(n) is not None), "day")
    return seconds, _WIDTHS[finest], zone is not None


def _zone(zone: bytes | None) -> timezone:
    text = (zone or b"").strip().replace(b":", b"")
    if text[:1] in (b"+", b"-"):
        offset = timedelta(hours=int(text[1:3]), minutes=int(text[3:5]))
        return timezone(offset if text[:1] == b"+" else -offset)
    return UTC


def _month(match: _Match) -> tuple[int, int, bool] | None:
    month = _MONTHS[match["month"].decode("ascii")]
    return int(datetime(int(match["year"]), month, 1, tzinfo=UTC).timestamp()), _MONTH_LENGTH, False


def _year(match: _Match) -> tuple[int, int, bool] | None:
    return int(datetime(int(match["year"]), 1, 1, tzinfo=UTC).timestamp()), _YEAR_LENGTH, False


def _unix(divisor: int) -> _Read:
    def read(match: _Match) -> tuple[int, int, bool] | None:
        return int(match[0]) // divisor, 1, True

    return read


def _form(name: str, pattern: str, read: _Read = _dated) -> tuple[str, re.Pattern[bytes], _Read]:
    return name, re.compile(pattern.encode("ascii")), read


# The most telling first: what a form has matched, the ones after it do not look at again.
_FORMS = (
    _form(
        "ISO 8601",
        rf"{_EDGE}(?P<year>20\d\d)-(?P<month>[01]\d)-(?P<day>[0-3]\d)[T ]{_CLOCK}"
        rf"(?:[.,]\d{{1,9}})?{_ZONE}",
    ),
    _form(
        "ISO 8601, to the minute",
        r"(?<!\d)(?P<year>20\d\d)-(?P<month>[01]\d)-(?P<day>[0-3]\d)[T ]"
        rf"(?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d){_ZONE}",
    ),
    _form(
        "RFC 5322",
        rf"(?:{_DAY_NAME}, )?(?<!\d)(?P<day>[0-3]?\d)[ -]{_MONTH}[ -](?P<year>20\d\d) "
        rf"{_CLOCK}{_ZONE}",
    ),
    _form(
        "ctime",
        rf"(?:{_DAY_NAME} )?{_MONTH} [ 0]?(?P<day>[1-3]?\d) {_CLOCK}(?P<zone> [A-Z]{{3,4}})? "
        r"(?P<year>20\d\d)",
    ),
    _form(
        "date(1)",
        rf"{_DAY_NAME} (?P<day>[0-3]?\d) {_MONTH} (?P<year>20\d\d) {_CLOCK}(?: [AP]M)?{_ZONE}",
    ),
    _form(
        "web server log",
        rf"(?P<day>[0-3]\d)/{_MONTH}/(?P<year>20\d\d):{_CLOCK}{_ZONE}",
    ),
    _form(
        "C __DATE__ and __TIME__",
        rf"{_MONTH} {{1,2}}(?P<day>[0-3]?\d) (?P<year>20\d\d),? {_CLOCK}",
    ),
    _form("C __DATE__", rf"{_MONTH} {{1,2}}(?P<day>[0-3]?\d) (?P<year>20\d\d)"),
    _form("long date", rf"{_LONG_MONTH} (?P<day>[0-3]?\d), (?P<year>20\d\d)"),
    _form("long date", rf"(?P<day>[0-3]?\d) {_LONG_MONTH} (?P<year>20\d\d)"),
    _form(
        "PDF date",
        r"D:(?P<year>20\d\d)(?P<month>[01]\d)(?P<day>[0-3]\d)(?P<hour>[0-2]\d)"
        r"(?P<minute>[0-5]\d)(?P<second>[0-5]\d)",
    ),
    _form(
        "digits YYYYMMDDhhmmss",
        r"(?<!\d)(?P<year>20\d\d)(?P<month>[01]\d)(?P<day>[0-3]\d)[T_.-]?(?P<hour>[0-2]\d)"
        r"(?P<minute>[0-5]\d)(?P<second>[0-5]\d)(?P<zone>Z)?(?!\d)",
    ),
    _form("Unix nanoseconds", r"(?<!\d)[1-3]\d{18}(?!\d)", _unix(10**9)),
    _form("Unix microseconds", r"(?<!\d)[1-3]\d{15}(?!\d)", _unix(10**6)),
    _form("Unix milliseconds", r"(?<!\d)[1-3]\d{12}(?!\d)", _unix(10**3)),
    _form("Unix seconds", r"(?<!\d)[1-3]\d{9}(?!\d)", _unix(1)),
    _form(
        "date YYYY-MM-DD",
        r"(?<!\d)(?P<year>20\d\d)[-/.](?P<month>[01]?\d)[-/.](?P<day>[0-3]?\d)(?!\d)",
    ),
    _form(
        "date DD/MM/YYYY",
        r"(?<!\d)(?P<day>[0-3]?\d)[-/.](?P<month>[01]?\d)[-/.](?P<year>20\d\d)(?!\d)",
    ),
    _form(
        "date MM/DD/YYYY",
        r"(?<!\d)(?P<month>[01]?\d)[-/.](?P<day>[0-3]?\d)[-/.](?P<year>20\d\d)(?!\d)",
    ),
    _form("digits YYYYMMDD", r"(?<!\d)(?P<year>20\d\d)(?P<month>[01]\d)(?P<day>[0-3]\d)(?!\d)"),
    _form("month and year", rf"{_LONG_MONTH},? (?P<year>20\d\d)(?!\d)", _month),
    _form("year", r"(?<![\d.:-])(?P<year>20\d\d)(?![\d.:-])", _year),
)
_LISTED = re.compile(
    (
        rf"{_MONTH} {{1,2}}(?P<day>[0-3]?\d) (?P<hour>[01]\d|2[0-3]):(?P<minute>[0-5]\d)"
        r"(?![:\d])"
    ).encode("ascii")
)
_SHORT = re.compile(rb"(?<![\d:.])(?:[01]\d|2[0-3]):[0-5]\d(?![:\d])")
_TIME_OF_DAY = re.compile(rf"(?<![\d:]){_CLOCK}(?![\d:])".encode("ascii"))
_DECIMAL = re.compile(rb"(?<![\d.])[1-3]\d{9}\.\d{1,9}(?![\d.])")


def text_times(data: bytes) -> Iterator[Stamp]:
    """Give every time that stands in `data` as text; two readings of the same bytes both."""
    taken: list[tuple[int, int]] = []
    for match in _DECIMAL.finditer(data):
        taken.append(match.span())
        yield Stamp(*match.span(), int(match[0].partition(b".")[0]), 1, "Unix seconds", zoned=True)
    for name, pattern, read in _FORMS:
        for match in pattern.finditer(data):
            if _is_taken(match, taken):
                continue
            found = read(match)
            if found is None or not EARLIEST <= found[0] < LATEST:
                continue
            # Day and month may be meant the other way round: the other form reads it as well.
            if not name.startswith("date "):
                taken.append(match.span())
            yield Stamp(*match.span(), found[0], found[1], name, found[2])
    for match in _LISTED.finditer(data):
        if not _is_taken(match, taken) and (stamp := _listed(match)) is not None:
            taken.append(match.span())
            yield stamp
    for match in _TIME_OF_DAY.finditer(data):
        if not _is_taken(match, taken):
            taken.append(match.span())
            hours, minutes, seconds = (int(match[n]) for n in ("hour", "minute", "second"))
            since = hours * 3600 + minutes * 60 + seconds
            yield Stamp(*match.span(), since, 1, "time of day", zoned=False, daily=True)
    for match in _SHORT.finditer(data):
        if not _is_taken(match, taken):
            hours, minutes = map(int, match[0].split(b":"))
            since = hours * 3600 + minutes * 60
            yield Stamp(*match.span(), since, 60, "hour and minute", zoned=False, daily=True)


def _is_taken(match: _Match, taken: list[tuple[int, int]]) -> bool:
    return any(match.start() >= start and match.end() <= end for start, end in taken)


def _listed(match: _Match) -> Stamp | None:
    """Read a time as ls -l writes it: without a year, of which 2000 has every day."""
    month = _MONTHS[match["month"].decode("ascii")]
    hour, minute = int(match["hour"]), int(match["minute"])
    try:
        moment = datetime(2000, month, int(match["day"]), hour, minute, tzinfo=UTC)
    except ValueError:
        return None
    return Stamp(*match.span(), int(moment.timestamp()), 60, "ls -l", zoned=False, yearly=True)
