"""Texts in a file's data that betray a build: paths, dates as __DATE__ writes them, rules' own.

A path counts as a build path when a rule says so, or when it is absolute and ends like a source
file: what programs open while they run does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from samebit.executables.source import OVERLAP, WINDOW, Source, windows
from samebit.executables.traces import BUILD_PATH, TIMESTAMP, Traces
from samebit.model.executable import RuleSet, TextRule

_PATH_BYTE = rb"[\w.+@~-]"
_PATH = re.compile(rb"/%b+(?:/%b+)+" % (_PATH_BYTE, _PATH_BYTE))
_PATH_START = re.compile(rb"[\w.+@~-]")
_TOKEN = re.compile(rb"[\w.+@~/-]*")
# Two texts without anything between them: the second one is relative.
_JOINED = re.compile(rb"[^/.]\.\./")
_SOURCE = re.compile(
    rb".*\.(?:[cChH]|cc|cpp|cxx|c\+\+|hh|hpp|hxx|ipp|tcc|[sS]|[fF]90|mm|rs|zig|adb|ads|ml|hs|cu"
    rb"|java|kt|scala|swift|pyx)"
)
# Rust's texts stand side by side, so that a path has no end of its own.
_GLUED_SOURCE = re.compile(rb"/.*?\.rs")
# __DATE__ and __TIME__ (C11 6.10.8.1), found by what is rare in them.
_CENTURIES = (b" 19", b" 20")
_BEFORE_CENTURY = len("Mmm dd")
_TIME_END = re.compile(rb":[0-5]\d:[0-5]\d\0")
# What a program may well mean as a constant.
_ROUND = re.compile(rb"..:(?:00:00|59:59)")
_DATE = re.compile(
    rb"(?<![A-Za-z])(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) ([ 123]\d)"
    rb" ((?:19|20)\d\d)(?!\d)"
)
_TIME = re.compile(rb"(?<![\d:])([01]\d|2[0-3]):([0-5]\d):([0-5]\d)(?![\d:])")
_ANY_DATE = re.compile(rb"[A-Z][a-z]{2} [ 123]\d \d{4}|\d{4}-\d\d-\d\d|\d\d/\d\d/")
_BEFORE_TIME = (b"", b"\0", b" ")
_MONTHS = tuple(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split())


class TextScan:
    """Looks through ranges of one file and adds what it finds to its traces.

    With `only_sources` paths in data count only when they are a source file's: for languages whose
    compilers keep the paths of a build elsewhere.
    """

    def __init__(self, traces: Traces, rules: RuleSet) -> None:
        self._traces = traces
        self.only_sources = False
        self._rules = rules
        self._seen: set[bytes] = set()
        # Languages and toolchains that constant paths tell.
        self.makers: dict[tuple[str, str], None] = {}

    def data(self, source: Source, offset: int, length: int, place: str) -> None:
        """Scan a range of data, as read-only data sections hold it. Raises FormatError."""
        first = True
        for window in windows(source, offset, length):
            self._window(window, place, first=first)
            first = False

    def path(self, path: bytes, place: str) -> None:
        """Judge a path that stands alone and is by its format a path of the build."""
        if path.startswith(b"/") and not self._is_constant(path):
            self._traces.add(BUILD_PATH, path, place)

    def words(self, texts: Iterable[bytes], place: str) -> None:
        """Judge texts such as the arguments of a compiler: every path in them."""
        for text in texts:
            for found in _PATH.finditer(text):
                self._path(found[0], place, absolute=not _in_a_path(text, found.start()))

    def _window(self, window: bytes, place: str, *, first: bool) -> None:
        start = 0
        if not first:
            # The piece before has told what begins there.
            match = _TOKEN.match(window, 0, OVERLAP)
            start = match.end() if match else 0
        for found in _PATH.finditer(window, start):
            if found.start() > WINDOW:
                break
            # What follows `//` is a host's name.
            if window[found.start() - 1 : found.start()] == b"/":
                continue
            path = found[0]
            absolute = not _in_a_path(window, found.start())
            if (key := b"." * (not absolute) + path) not in self._seen:
                self._seen.add(key)
                self._path(path, place, absolute=absolute)
        # What one file can make us remember is bounded.
        if len(self._seen) > 1 << 17:
            self._seen.clear()
        for rule in self._rules.strings:
            self._rule(rule, window, place)
        self._dates(window, place)

    def _path(self, path: bytes, place: str, *, absolute: bool) -> None:
        if self._is_constant(path) or _JOINED.search(path):
            return
        if glued := _GLUED_SOURCE.match(path):
            path = glued[0]
        source = _SOURCE.fullmatch(path) is not None
        if self.only_sources and not source:
            return
        found = False
        for rule in self._rules.paths:
            if match := rule.pattern.search(path):
                value = match[1] if match.re.groups else path[match.start() :]
                self._traces.add(rule.finding, value, place)
                found = True
        if found or not absolute:
            return
        if source:
            self._traces.add(BUILD_PATH, path, place)

    def _is_constant(self, path: bytes) -> bool:
        for rule in self._rules.constants:
            if match := rule.pattern.search(path):
                if rule.toolchain:
                    self.makers.setdefault((rule.language, rule.named(match)))
                return True
        return False

    def _rule(self, rule: TextRule, window: bytes, place: str) -> None:
        at = window.find(rule.needle)
        while 0 <= at <= WINDOW:
            begin = max(window.rfind(b"\0", max(0, at - 256), at) + 1, at - 256, 0)
            match = rule.pattern.search(window, begin, at + 512)
            if match is not None and match.start() <= at:
                self._traces.add(rule.finding, match[0], place)
            at = window.find(rule.needle, at + len(rule.needle))

    def _dates(self, window: bytes, place: str) -> None:
        for century in _CENTURIES:
            at = window.find(century, _BEFORE_CENTURY)
            while 0 <= at - _BEFORE_CENTURY <= WINDOW:
                if match := _DATE.match(window, at - _BEFORE_CENTURY):
                    self._date(match, window, place)
                at = window.find(century, at + 1)
        for found in _TIME_END.finditer(window, 2):
            if found.start() - 2 > WINDOW:
                break
            self._time(window, found.start() - 2, place)

    def _time(self, window: bytes, at: int, place: str) -> None:
        """Note a time that is a text of its own or ends one, unless a date before it told it."""
        match = _TIME.match(window, at)
        if match is None or _ROUND.fullmatch(match[0]) or window[at - 1 : at] not in _BEFORE_TIME:
            return
        begin = window.rfind(b"\0", max(0, at - 256), at) + 1
        if _ANY_DATE.search(window, begin, at) or self._traces.is_epoch_time(match[0].decode()):
            return
        self._traces.add(TIMESTAMP, match[0], place)

    def _date(self, match: re.Match[bytes], window: bytes, place: str) -> None:
        begin = max(window.rfind(b"\0", max(0, match.start() - 256), match.start()) + 1, 0)
        end = window.find(b"\0", match.end(), match.end() + 256)
        line = window[max(begin, match.start() - 256) : end if end >= 0 else match.end()]
        try:
            day = datetime(int(match[3]), _MONTHS.index(match[1]) + 1, int(match[2]), tzinfo=UTC)
        except ValueError:
            return
        # The day before the epoch of Unix, or of zip, is nobody's build.
        if day <= datetime(1980, 1, 1, tzinfo=UTC) + timedelta(days=1):
            return
        if self._traces.is_epoch_day(day):
            return
        clock = _TIME.search(line)
        value = match[0] + (b" " + clock[0] if clock else b"")
        self._traces.add(TIMESTAMP, value, place)


def _in_a_path(data: bytes, at: int) -> bool:
    """Say whether the slash at `at` goes on with a relative path, such as `../elf/rtld.c`."""
    return at > 0 and _PATH_START.match(data, at - 1) is not None
