"""Collecting traces: each once, a bounded number of a kind, unreadable parts told as such."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime

from samebit.executables.source import FormatError
from samebit.model.escaped import escaped
from samebit.model.executable import Trace

BUILD_ID = "build-id"
BUILD_PATH = "build-path"
DEBUG_INFO = "debug-info"
MALFORMED = "malformed"
OWNER = "owner"
SYMBOLS = "symbols"
TIMESTAMP = "timestamp"
USER_NAME = "user-name"
VCS_STAMP = "vcs-stamp"

MAX_OF_A_KIND = 20
_MAX_TEXT = 300
# What archivers write who want to write none: the zip epoch and the day after (time zones).
_ZIP_EPOCH = range(315_532_800 - 86_400, 315_532_800 + 2 * 86_400)


class Traces:
    """The traces of one file in the order found. `epoch` is the time that every build agrees on."""

    def __init__(self, epoch: int | None) -> None:
        self._epoch = epoch
        self._found: dict[Trace, None] = {}
        self._counts: dict[str, int] = {}

    def add(self, finding: str, value: bytes | str, place: str) -> None:
        """Note a trace; beyond a number of a kind only the count goes on."""
        trace = Trace(finding, text(value), place)
        if trace in self._found:
            return
        self._counts[finding] = count = self._counts.get(finding, 0) + 1
        if count <= MAX_OF_A_KIND:
            self._found[trace] = None

    def add_time(self, seconds: int, place: str, *, zip_time: bool = False) -> None:
        """Note a time in seconds since 1970, unless it is one that does not change."""
        if not self.is_agreed(seconds, zip_time=zip_time):
            self.add(TIMESTAMP, shown_time(seconds), place)

    def is_agreed(self, seconds: int, *, zip_time: bool = False) -> bool:
        """Say whether a time in seconds since 1970 is one that every build writes."""
        if seconds in (0, self._epoch) or (zip_time and seconds in _ZIP_EPOCH):
            return True
        # Zip counts in steps of two seconds.
        return zip_time and self._epoch is not None and 0 <= self._epoch - seconds < 2

    def is_epoch_day(self, day: datetime) -> bool:
        """Say whether the day is the epoch's, in UTC."""
        if self._epoch is None:
            return False
        return datetime.fromtimestamp(self._epoch, UTC).date() == day.date()

    def is_epoch_time(self, clock: str) -> bool:
        """Say whether `HH:MM:SS` is the epoch's time of day, in UTC."""
        if self._epoch is None:
            return False
        return datetime.fromtimestamp(self._epoch, UTC).strftime("%H:%M:%S") == clock

    def reading(self, part: str) -> AbstractContextManager[None]:
        """Turn an unreadable part into a trace, so that the rest is still told."""
        return _Reading(self, part)

    def unreadable(self, part: str, error: FormatError) -> None:
        """Note that a part cannot be read."""
        self.add(MALFORMED, f"{part}: {error}", part)

    def all(self) -> tuple[Trace, ...]:
        """Give what was found, with a last one for each kind that had more."""
        more = [
            Trace(finding, f"and {count - MAX_OF_A_KIND} more", "")
            for finding, count in self._counts.items()
            if count > MAX_OF_A_KIND
        ]
        return (*self._found, *more)

    def __contains__(self, finding: str) -> bool:
        return finding in self._counts


class _Reading(AbstractContextManager[None]):
    # A generator would take five times as long, and every file asks for several.
    __slots__ = ("_part", "_traces")

    def __init__(self, traces: Traces, part: str) -> None:
        self._traces = traces
        self._part = part

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if not isinstance(error, FormatError):
            return False
        self._traces.unreadable(self._part, error)
        return True


def text(value: bytes | str) -> str:
    """Give printable text of bounded length."""
    cut = value[:_MAX_TEXT]
    return escaped(cut) + ("..." if len(cut) < len(value) else "")


def shown_time(seconds: int) -> str:
    """Give an instant as `YYYY-MM-DDTHH:MM:SSZ`, or the number where no calendar reaches."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, OSError, ValueError):
        return f"second {seconds}"
