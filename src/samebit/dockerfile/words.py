"""Splitting an instruction's text: flags, white space, quoted words, JSON arrays.

Quotes and escapes are only recognised here, never removed (except in flags, where docker removes
them at once); `expand` removes them later.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from samebit.dockerfile.source import BLANKS, SPACES

_BLANKS = re.compile(f"[{BLANKS}]+")
# Around flags docker knows only the spaces of ASCII.
_ASCII_SPACES = BLANKS + "\n"


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a line: its value and the range of indices it stands at."""

    value: str
    start: int
    end: int


class NotStringsError(ValueError):
    """A JSON array that holds something else than strings."""


def flags(text: str, start: int, escape: str) -> tuple[list[Token], int]:
    """Read the words beginning with `--` from `start` on; give them and where the rest begins.

    Quotes are removed and escapes resolved. A lone `--` ends the flags and is dropped.
    """
    found: list[Token] = []
    at = start
    while True:
        at = _skip(text, at, _ASCII_SPACES)
        if not text.startswith("--", at):
            return found, _skip(text, at, SPACES)
        value, end = _flag(text, at, escape)
        if value == "--":
            return found, _skip(text, end, SPACES)
        found.append(Token(value, at, end))
        at = end


def _flag(text: str, start: int, escape: str) -> tuple[str, int]:
    out: list[str] = []
    quote = ""
    at = start
    while at < len(text):
        character = text[at]
        if not quote and character in _ASCII_SPACES:
            break
        at += 1
        if quote and character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif character == escape:
            if at == len(text):
                break
            out.append(text[at])
            at += 1
        else:
            out.append(character)
    return "".join(out), at


def _skip(text: str, at: int, spaces: str) -> int:
    while at < len(text) and text[at] in spaces:
        at += 1
    return at


def split(text: str, start: int, end: int) -> list[Token]:
    """Split `text[start:end]` at blanks; quotes have no meaning here."""
    tokens: list[Token] = []
    at = start
    for match in _BLANKS.finditer(text, start, end):
        tokens.append(Token(text[at : match.start()], at, match.start()))
        at = match.end()
    if at < end:
        tokens.append(Token(text[at:end], at, end))
    return tokens


def quoted(text: str, start: int, end: int, escape: str) -> list[Token]:
    """Split `text[start:end]` at white space outside quotes; quotes and escapes stay."""
    tokens: list[Token] = []
    at = start
    while (at := _skip(text, at, SPACES)) < end:
        value, after = _word(text, at, end, escape)
        if value:
            tokens.append(Token(value, at, after))
        at = after
    return tokens


def _word(text: str, start: int, end: int, escape: str) -> tuple[str, int]:
    quote = ""
    at = start
    while at < end:
        character = text[at]
        if not quote and character in SPACES:
            break
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        elif character == escape and quote != "'":
            if at + 1 == end:
                # An escape with nothing after it means nothing.
                return text[start:at], end
            at += 1
        at += 1
    return text[start:at], at


def key_and_value(token: Token) -> tuple[str, str] | None:
    """Split at the first `=`, or None when there is none."""
    key, equals, value = token.value.partition("=")
    return (key, value) if equals else None


def blank_pair(text: str, start: int, end: int) -> tuple[str, str] | None:
    """Split `text[start:end]` once at blanks (`ENV key value`), or None for a lone word."""
    match = _BLANKS.search(text, start, end)
    return (text[start : match.start()], text[match.end() : end]) if match else None


def json_array(text: str) -> tuple[str, ...] | None:
    """Read a JSON array of strings; None when the text is no JSON array (the shell form).

    Raises NotStringsError for a JSON array with other values in it, as docker does.
    """
    text = text.strip(SPACES)
    if not text.startswith("["):
        return None
    try:
        value = json.loads(text, parse_constant=_reject, parse_int=float)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, list):
        return None
    if not all(isinstance(item, str) for item in value):
        raise NotStringsError
    # Half a surrogate pair is no character; JSON readers in Go replace it.
    return tuple(re.sub("[\ud800-\udfff]", "\ufffd", item) for item in value)


def _reject(name: str) -> None:
    raise ValueError(name)
