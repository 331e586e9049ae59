"""crontab's note of when a table was installed, and from which temporary file."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import BinaryIO

from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink

_NOTE = re.compile(rb"# \([^\n]* installed on [A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9:]{16}\)\n")
_LARGEST = 1 << 20
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def _rewrite(source: BinaryIO, size: int, sink: Sink, facts: Facts) -> bool:
    if size > _LARGEST:
        return False
    # The note is among the three lines that crontab puts first, and takes away for -l and -e.
    head = [source.readline() for _ in range(3)]
    new = [_note(facts.epoch) if _NOTE.fullmatch(line) else line for line in head]
    if new == head:
        return False
    sink(b"".join(new))
    sink(source.read(size))
    return True


def _note(epoch: int) -> bytes:
    at = datetime.fromtimestamp(epoch, UTC)
    day, month = _DAYS[at.weekday()], _MONTHS[at.month - 1]
    text = f"# (- installed on {day} {month} {at.day:2} {at:%H:%M:%S} {at.year})\n"
    return text.encode("ascii")


CRONTAB = Normaliser(
    name="system/crontab-note",
    action=Action.REWRITE,
    paths=(b"var/spool/cron/crontabs/*", b"var/spool/cron/*"),
    rewrite=_rewrite,
    made_here=True,
    why="A comment with the time of installation and the name of a temporary file. It keeps its"
    " place, because crontab -l leaves the first lines out; the time becomes the epoch.",
    reference="cron, crontab.c, replace_cmd",
)
