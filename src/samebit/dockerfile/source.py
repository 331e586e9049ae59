"""A Dockerfile's text with positions: decoding, lines and columns, continuation lines.

Lines end at LF only (a CR before it belongs to the line ending), as docker reads them; Python's
own line splitting would also cut at form feeds and other separators.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator
from dataclasses import dataclass

from samebit.dockerfile.syntax import Span
from samebit.errors import DockerfileError, Place

# What Go's unicode.IsSpace accepts; str.isspace knows four control characters more.
SPACES = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B)))
SPACES += "\u2028\u2029\u202f\u205f\u3000"
# What separates words inside an instruction.
BLANKS = "\t\v\f\r "
BOM = "\ufeff"


def decode(data: bytes, path: str) -> str:
    """Read a Dockerfile's bytes as UTF-8; a byte order mark stays as its first character.

    Raises DockerfileError with the place of the first byte that is not UTF-8, or of a NUL.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        byte = data[error.start]
        raise DockerfileError(
            f"not UTF-8: unexpected byte 0x{byte:02x}",
            where=Source(before, path).place(len(before)),
            fix="save the Dockerfile as UTF-8",
        ) from None
    nul = text.find("\0")
    if nul >= 0:
        raise DockerfileError(
            "unexpected NUL byte",
            where=Source(text, path).place(nul),
            fix="save the Dockerfile as UTF-8 text",
        )
    return text


@dataclass(frozen=True, slots=True)
class Line:
    """A physical line: `start` to `end` without its line ending, `next` after it; `number` ≥ 1."""

    start: int
    end: int
    next: int
    number: int


class Source:
    """The text of one Dockerfile and where things are in it."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, offset: int) -> Place:
        """Line and column (both from 1) of the character at `offset`."""
        line, column = self._position(offset)
        return Place(self.path, line, column)

    def span(self, start: int, end: int) -> Span:
        """Give the span of the characters from `start` up to but not including `end`."""
        line, column = self._position(start)
        end_line, _ = self._position(max(start, end - 1))
        return Span(start, end, line, column, end_line)

    def lines(self) -> Iterator[Line]:
        """All physical lines; the byte order mark is outside the first one."""
        text = self.text
        for number, begin in enumerate(self._starts, 1):
            if begin == len(text):
                return
            after = self._starts[number] if number < len(self._starts) else len(text)
            end = after
            while end > begin and text[end - 1] in "\r\n":
                end -= 1
            start = begin + 1 if begin == 0 and text.startswith(BOM) else begin
            yield Line(start, max(start, end), after, number)

    def _position(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._starts, offset)
        column = offset - self._starts[line - 1] + 1
        if line == 1 and self.text.startswith(BOM) and column > 1:
            column -= 1
        return line, column


@dataclass(frozen=True, slots=True)
class LogicalLine:
    """A line with its continuations joined, and where each part of it came from.

    `chunks` are pairs (offset in `text`, offset in the source), ascending. `start` is the offset of
    its first physical line, `end` the offset after its last one without the line ending, `next`
    after the line ending.
    """

    source: Source
    text: str
    chunks: tuple[tuple[int, int], ...]
    start: int
    end: int
    next: int

    def offset(self, index: int) -> int:
        """Where in the source the character `text[index]` stands."""
        position = bisect.bisect_right(self.chunks, (index, len(self.source.text))) - 1
        inner, outer = self.chunks[max(position, 0)]
        return outer + index - inner

    def place(self, index: int) -> Place:
        """Line and column of the character `text[index]`."""
        return self.source.place(self.offset(index))


def is_comment(text: str) -> bool:
    """Whether a physical line is a comment; blanks may stand before the number sign."""
    return text.lstrip(SPACES).startswith("#")


def join(source: Source, first: Line, rest: Iterator[Line], escape: str) -> LogicalLine:
    """Read the logical line that begins with `first`, taking its continuations from `rest`.

    A continuation is an escape character at the end of the line (blanks may follow) that no other
    escape character precedes. Comment lines and empty lines inside it are skipped (Dockerfile
    reference, "Format"). The escape characters and line endings are not part of the result.
    """
    ending = re.compile(rf"(?:^|[^{re.escape(escape)}]){re.escape(escape)}[ \t]*\Z")
    body = source.text[first.start : first.end]
    indent = len(body) - len(body.lstrip(SPACES))
    parts: list[str] = []
    chunks: list[tuple[int, int]] = []
    length = 0
    line, start = first, first.start + indent
    while True:
        body = source.text[start : line.end]
        continued = ending.search(body) is not None
        if continued:
            body = body[: body.rindex(escape)]
        chunks.append((length, start))
        parts.append(body)
        length += len(body)
        if not continued:
            break
        line, found = _next_content(source, line, rest)
        if not found:
            break
        start = line.start
    return LogicalLine(source, "".join(parts), tuple(chunks), first.start, line.end, line.next)


def _next_content(source: Source, line: Line, rest: Iterator[Line]) -> tuple[Line, bool]:
    for following in rest:
        line = following
        body = source.text[line.start : line.end]
        if body.strip(SPACES) and not is_comment(body):
            return line, True
    return line, False
