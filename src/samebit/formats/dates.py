"""Dates as programs write them into files: recognised by their form, replaced in the same form.

What has another form is left alone: a program that reads a date must find one that it can read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from time import gmtime, strftime

_DAYS = b"Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_MONTHS = b"Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_NAMES_OF_DAYS = _DAYS.split(b"|")
_NAMES_OF_MONTHS = _MONTHS.split(b"|")

# java.util.Date.toString, the C library's asctime and date(1) in the C locale.
JAVA_DATE = re.compile(
    rb"(?:" + _DAYS + rb") (?:" + _MONTHS + rb") (?:[ 0-3]\d) \d\d:\d\d:\d\d"
    rb"(?P<zone> [A-Za-z0-9:+-]{1,10})?(?P<year> \d{4})"
)


def java_date(epoch: int, *, zone: bool = True) -> bytes:
    """Give `epoch` (seconds) as java.util.Date.toString does in UTC."""
    when = gmtime(epoch)
    return b"%s %s %02d %02d:%02d:%02d%s %04d" % (
        _NAMES_OF_DAYS[when.tm_wday],
        _NAMES_OF_MONTHS[when.tm_mon - 1],
        when.tm_mday,
        when.tm_hour,
        when.tm_min,
        when.tm_sec,
        b" UTC" if zone else b"",
        when.tm_year,
    )


def _formatted(form: str) -> Callable[[re.Match[bytes], int], bytes]:
    return lambda _match, epoch: strftime(form, gmtime(epoch)).encode("ascii")


def _iso(match: re.Match[bytes], epoch: int) -> bytes:
    text = strftime("%Y-%m-%d", gmtime(epoch)) + match["mark"].decode("ascii")
    text += strftime("%H:%M", gmtime(epoch))
    if match["seconds"]:
        text += strftime(":%S", gmtime(epoch))
    # Fractions lose their digits: how many there are follows the clock.
    zone = match["zone"] or b""
    if zone.strip() in (b"", b"Z", b"UTC", b"GMT"):
        return text.encode("ascii") + zone
    space = b" " if zone.startswith(b" ") else b""
    colon = b":" if b":" in zone else b""
    return text.encode("ascii") + space + b"+00" + colon + b"00"


_FORMS: tuple[tuple[re.Pattern[bytes], Callable[[re.Match[bytes], int], bytes]], ...] = (
    (
        re.compile(
            rb"\d{4}-\d\d-\d\d(?P<mark>[T ])\d\d:?\d\d(?P<seconds>:\d\d(?:[.,]\d{1,9})?)?"
            rb"(?P<zone> ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)(?:\[[A-Za-z/_+-]+\])?)?"
        ),
        _iso,
    ),
    (re.compile(rb"\d{4}-\d\d-\d\d"), _formatted("%Y-%m-%d")),
    (re.compile(rb"\d{4}/\d\d/\d\d \d\d:\d\d"), _formatted("%Y/%m/%d %H:%M")),
    (re.compile(rb"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"), _formatted("%Y/%m/%d %H:%M:%S")),
    (re.compile(rb"(?:19|20)\d{12}"), _formatted("%Y%m%d%H%M%S")),
    (re.compile(rb"(?:19|20)\d{6}-\d{4}"), _formatted("%Y%m%d-%H%M")),
    (re.compile(rb"(?:19|20)\d{6}[.-]\d{6}"), _formatted("%Y%m%d-%H%M%S")),
    # Milliseconds since 1970: Bnd-LastModified and its like.
    (re.compile(rb"1\d{12}"), lambda _match, epoch: b"%d" % (epoch * 1000)),
    (re.compile(rb"1\d{9}"), lambda _match, epoch: b"%d" % epoch),
    (JAVA_DATE, lambda match, epoch: java_date(epoch, zone=bool(match["zone"]))),
)


def same_form(text: bytes, epoch: int) -> bytes | None:
    """Give `epoch` (seconds) in the form of the date `text`, None if the form is not known."""
    for pattern, write in _FORMS:
        match = pattern.fullmatch(text)
        if match is not None:
            return write(match, epoch)
    return None
