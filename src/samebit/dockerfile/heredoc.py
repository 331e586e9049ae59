"""Here-documents of RUN, COPY and ADD (Dockerfile reference, "Here-Documents").

A marker is a word `<<NAME`, `<<-NAME`, `<<"NAME"` or `<<'NAME'`, perhaps with a file descriptor
before it. A word that merely contains `<<` (arithmetic such as `$((1<<2))`), stands in quotes, or
begins with `<<<`, is none. On a line with unbalanced quotes docker sees no heredoc at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from samebit.dockerfile.expand import ExpansionError, Mode, lex
from samebit.dockerfile.source import Line, LogicalLine
from samebit.dockerfile.syntax import Heredoc
from samebit.errors import DockerfileError

_MARKER = re.compile(r"[0-9]*<<(-?)[\t\n\f\r ]*([^<]*)\Z")
_TABS = re.compile(r"^\t+", re.MULTILINE)
# Markers are always lexed with the backslash, whatever the escape directive says: as docker does.
_LINE = Mode(raw_quotes=True, raw_escapes=True, keep_unset=True)
_NAME = Mode(keep_unset=True)
_RAW_NAME = Mode(raw_quotes=True, keep_unset=True)


@dataclass(frozen=True, slots=True)
class Marker:
    """What follows `<<`: the terminator and how the body is treated."""

    name: str
    expand: bool
    strip_tabs: bool


def marker(word: str) -> Marker | None:
    """Read one word as a heredoc marker, or None when it is something else."""
    match = _MARKER.match(word)
    if match is None or not match[2]:
        return None
    try:
        names = lex(match[2], {}, _NAME)[1]
        raw_names = lex(match[2], {}, _RAW_NAME)[1]
    except ExpansionError:
        return None
    if len(names) != 1 or len(raw_names) != 1:
        return None
    bare = _quotes(names[0]) == _quotes(raw_names[0])
    return Marker(names[0], expand=bare, strip_tabs=match[1] == "-")


def markers(line: str) -> list[Marker]:
    """All heredoc markers of a joined line, in order."""
    if "<<" not in line:
        return []
    try:
        words = lex(line, {}, _LINE)[1]
    except ExpansionError:
        return []
    return [found for word in words if (found := marker(word))]


def strip_tabs(body: str) -> str:
    """Remove the leading tabs of every line (`<<-`)."""
    return _TABS.sub("", body)


def read(
    line: LogicalLine, wanted: list[Marker], lines: Iterator[Line]
) -> tuple[tuple[Heredoc, ...], Line | None]:
    """Read the bodies of `wanted` from the lines after `line`; give the last line read, too.

    Raises DockerfileError at the instruction when a terminator is missing.
    """
    source = line.source
    found: list[Heredoc] = []
    last: Line | None = None
    begin = line.next
    for item in wanted:
        for current in lines:
            text = source.text[current.start : current.end]
            if (text.lstrip("\t") if item.strip_tabs else text) == item.name:
                last = current
                break
        else:
            raise DockerfileError(
                f"unterminated heredoc: expected a line with only {item.name!r}",
                where=line.place(line.text.rfind("<<")),
                fix="end the heredoc, or quote the << if none was meant",
            )
        body = source.text[begin : last.start]
        found.append(
            Heredoc(
                name=item.name,
                content=strip_tabs(body) if item.strip_tabs else body,
                expand=item.expand,
                strip_tabs=item.strip_tabs,
                raw=source.text[begin : last.next],
                span=source.span(begin, last.end),
            )
        )
        begin = last.next
    return tuple(found), last


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')
