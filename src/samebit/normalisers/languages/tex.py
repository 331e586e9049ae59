"""TeX's logs."""

from __future__ import annotations

from time import gmtime, strftime

from samebit.formats.lines import rewrite_dates
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser


def _format_date(epoch: int) -> bytes:
    when = gmtime(epoch)
    return b"%d.%d.%d" % (when.tm_year, when.tm_mon, when.tm_mday)


def _log_date(epoch: int) -> bytes:
    when = gmtime(epoch)
    return b"%d %b" % (when.tm_mday, strftime("%b %Y %H:%M", when).upper().encode("ascii"))


LOG = Normaliser(
    name="tex/log",
    action=Action.REWRITE,
    paths=(b"**/*.log",),
    magic=((0, b"This is "),),
    rewrite=with_epoch(
        rewrite_dates(
            (rb"(\(preloaded format=[^\s()]+ )\d{4}\.\d{1,2}\.\d{1,2}(?=\))", _format_date),
            (
                rb"\A(This is [^\n]*TeX[^\n]*\)  )\d{1,2} [A-Z]{3} \d{4} \d\d:\d\d(?=\n)",
                _log_date,
            ),
        )
    ),
    why="The dates in the first line: of the run and of the format. No program reads them.",
    reference="tex.web, 536, 1337; texmfmp.c, get_date_and_time",
)
