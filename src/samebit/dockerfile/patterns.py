r"""The glob patterns of `${V#p}`, `${V%p}` and `${V/p/r}` (Dockerfile reference).

`*` stands for any run of characters and `?` for any one, neither crossing a line end; a backslash
takes `*`, `?`, `\`, `/` or `}` literally; there are no bracket expressions. Matching keeps the set
of reachable positions, so no pattern can make it take exponential time.
"""

from __future__ import annotations

import enum

# Several seconds. A value of 5,000 characters is far from it.
_MOST_STEPS = 100_000_000


class _Wild(enum.Enum):
    ONE = "?"
    MANY = "*"


_Token = str | _Wild


class PatternError(ValueError):
    """A pattern that is not valid; the text says why."""


def trim_prefix(value: str, pattern: str, *, longest: bool) -> str:
    """Remove the shortest or longest match of `pattern` from the start; raises PatternError."""
    ends = _ends(_tokens(pattern), value, 0)
    return value[max(ends) if longest else min(ends) :] if ends else value


def trim_suffix(value: str, pattern: str, *, longest: bool) -> str:
    """Remove the shortest or longest match of `pattern` from the end; raises PatternError."""
    backwards = value[::-1]
    ends = _ends(_tokens(pattern)[::-1], backwards, 0)
    return backwards[max(ends) if longest else min(ends) :][::-1] if ends else value


def replace(value: str, pattern: str, replacement: str, *, every: bool) -> str:
    """Replace the first match (the longest there), or all; raises PatternError.

    As in docker, an empty match directly after another match does not count.
    """
    tokens = _tokens(pattern)
    if _Wild.MANY in tokens and len(value) ** 2 * len(tokens) > _MOST_STEPS:
        raise PatternError(
            f"the value is too long for the pattern {pattern[:100]!r}: use sed in RUN"
        )
    out: list[str] = []
    position = copied = 0
    previous_end = -1
    while position <= len(value):
        ends = _ends(tokens, value, position)
        end = max(ends) if ends else -1
        if end < 0 or (end == position and position == previous_end):
            position += 1
            continue
        out += [value[copied:position], replacement]
        copied = previous_end = end
        if not every:
            break
        position = end if end > position else position + 1
    return "".join(out) + value[copied:]


def _tokens(pattern: str) -> list[_Token]:
    tokens: list[_Token] = []
    characters = iter(pattern)
    for character in characters:
        if character == "*":
            tokens.append(_Wild.MANY)
        elif character == "?":
            tokens.append(_Wild.ONE)
        elif character == "\\":
            escaped = next(characters, "")
            if escaped not in ("*", "?", "\\", "}", "/"):
                raise PatternError(f"invalid escape '\\{escaped}' in the pattern {pattern!r}")
            tokens.append(escaped)
        else:
            tokens.append(character)
    return tokens


def _ends(tokens: list[_Token], value: str, start: int) -> set[int]:
    """All positions where a match that begins at `start` can end."""
    reach = {start}
    for token in tokens:
        if not reach:
            break
        if token is _Wild.MANY:
            grown: set[int] = set()
            for begin in sorted(reach):
                position = begin
                while position not in grown:
                    grown.add(position)
                    if position == len(value) or value[position] == "\n":
                        break
                    position += 1
            reach = grown
        elif token is _Wild.ONE:
            reach = {p + 1 for p in reach if p < len(value) and value[p] != "\n"}
        else:
            reach = {p + 1 for p in reach if p < len(value) and value[p] == token}
    return reach
