"""Dates in text files of a known shape: found by an expression, replaced in a fixed form."""

from __future__ import annotations

import re
from collections.abc import Callable
from time import gmtime, strftime
from typing import BinaryIO, TypeAlias

from samebit.formats.dates import java_date
from samebit.formats.streams import MalformedError, Sink, exactly

MAX_SIZE = 16 << 20
"""Larger text files, in bytes, are left alone."""

Form: TypeAlias = Callable[[int], bytes]
"""Writes a moment, given in seconds since 1970."""


def asctime(epoch: int) -> bytes:
    """Give the form of the C library's asctime."""
    return java_date(epoch, zone=False)


def digits(epoch: int) -> bytes:
    """Give year to second in 14 digits."""
    return strftime("%Y%m%d%H%M%S", gmtime(epoch)).encode("ascii")


def git_date(epoch: int) -> bytes:
    """Give seconds and zone, as git stores them."""
    return b"%d +0000" % epoch


def http_date(epoch: int) -> bytes:
    """Give the form of RFC 9110."""
    weekday, month, day, time, _, year = java_date(epoch).split()
    return b"%b, %b %b %b %b GMT" % (weekday, day, month, year, time)


def milliseconds(epoch: int) -> bytes:
    """Give milliseconds since 1970."""
    return b"%d" % (epoch * 1000)


def sql_date(epoch: int) -> bytes:
    """Give date and time with a space between them."""
    return strftime("%Y-%m-%d %H:%M:%S", gmtime(epoch)).encode("ascii")


def rewrite_dates(*expressions: tuple[bytes, Form]) -> Callable[[BinaryIO, int, Sink, int], bool]:
    """Make a rewriter of whole files that writes the epoch where the expressions match.

    The first group of an expression is kept, the rest of a match replaced. `^` and `$` match at
    lines.
    """
    compiled = [(re.compile(pattern, re.MULTILINE), form) for pattern, form in expressions]

    def rewrite(source: BinaryIO, size: int, sink: Sink, epoch: int) -> bool:
        if size > MAX_SIZE:
            raise MalformedError("a text file of more than 16 MiB")
        old = new = exactly(source, size)
        for pattern, form in compiled:
            date = form(epoch)
            new = pattern.sub(lambda match, date=date: match[1] + date, new)  # type: ignore[misc]
        if new == old:
            return False
        sink(new)
        return True

    return rewrite
