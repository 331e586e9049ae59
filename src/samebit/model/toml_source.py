"""TOML files (TOML 1.0) read strictly, with the line of every key for error messages.

The standard library's reader says what the values are but not where; this finds the lines with a
scan of the text that the reader has already accepted.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar

from samebit.errors import Place, UsageError

_LIMIT = 16 << 20
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_BLANKS = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACES = re.compile(r"[ \t]*")
_STRINGS = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_DECODE_ERROR_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")

_TYPE_NAMES: Mapping[type, str] = {
    str: "a string",
    int: "an integer",
    bool: "true or false",
    dict: "a table",
}

Key = tuple[str | int, ...]
_T = TypeVar("_T", str, int, bool, dict[str, Any])


@dataclass(frozen=True, slots=True)
class TomlSource:
    """A parsed file: `values` as the standard library reads them, `lines` by key path.

    A key path holds strings for keys and integers for positions in an array of tables.
    """

    path: str
    values: Mapping[str, Any]
    lines: Mapping[Key, int] = field(repr=False)

    @classmethod
    def parse(cls, path: str, data: bytes) -> Self:
        """Read `data`; `path` names it in messages. Raises UsageError when it is not TOML."""
        if len(data) > _LIMIT:
            raise UsageError(f"larger than {_LIMIT} bytes", where=Place(path))
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise UsageError("not UTF-8 text", where=Place(path, line)) from None
        try:
            values = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            match = _DECODE_ERROR_LINE.search(str(error))
            where = Place(path, int(match[1]), int(match[2])) if match else Place(path)
            what = _DECODE_ERROR_LINE.sub("", str(error)).strip()
            raise UsageError(f"not valid TOML: {what}", where=where) from None
        except RecursionError:
            raise UsageError("not valid TOML: nested too deeply", where=Place(path)) from None
        return cls(path, values, _key_lines(text))

    def place(self, *key: str | int) -> Place:
        """Where `key` stands, or the nearest table around it."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.lines:
                return Place(self.path, self.lines[key[:length]])
        return Place(self.path)

    def root(self) -> TomlTable:
        """Give the whole document as a table to take values from."""
        return TomlTable(self, (), dict(self.values))


class TomlTable:
    """A table whose values are taken one by one; `finish` refuses what nobody took.

    Every method raises UsageError with the key's line when the value is missing without a default
    or has another type.
    """

    def __init__(self, source: TomlSource, key: Key, values: Mapping[str, Any]) -> None:
        self._source = source
        self._key = key
        self._values = values
        self._known: set[str] = set()

    def __contains__(self, name: str) -> bool:
        self._known.add(name)
        return name in self._values

    def names(self) -> tuple[str, ...]:
        """Every key of the table in the file's order; all of them count as known."""
        self._known.update(self._values)
        return tuple(self._values)

    def place(self, *name: str | int) -> Place:
        """Where a key of this table stands."""
        return self._source.place(*self._key, *name)

    def error(self, what: str, *name: str | int, fix: str | None = None) -> UsageError:
        """Make the error for a key of this table: `what` follows the key's full name."""
        full = _dotted((*self._key, *name))
        return UsageError(f"{full} {what}" if full else what, where=self.place(*name), fix=fix)

    def string(self, name: str, default: str | None = None) -> str:
        """Take a string."""
        return self._take(name, str, default)

    def optional_string(self, name: str) -> str | None:
        """Take a string that may be absent."""
        return self.string(name) if name in self else None

    def integer(self, name: str, default: int | None = None) -> int:
        """Take an integer."""
        return self._take(name, int, default)

    def boolean(self, name: str, *, default: bool | None = None) -> bool:
        """Take a boolean."""
        return self._take(name, bool, default)

    def strings(self, name: str) -> tuple[str, ...]:
        """Take an array of strings; empty when absent."""
        value = self._values.get(name, [])
        self._known.add(name)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.error("must be an array of strings", name)
        return tuple(value)

    def strings_or_string(self, name: str) -> tuple[str, ...]:
        """Take an array of strings, or one string in place of an array of one."""
        value = self._values.get(name)
        return (self.string(name),) if isinstance(value, str) else self.strings(name)

    def table(self, name: str) -> TomlTable:
        """Take a table; empty when absent."""
        return TomlTable(self._source, (*self._key, name), self._take(name, dict, {}))

    def tables(self, name: str) -> tuple[TomlTable, ...]:
        """Take an array of tables; empty when absent."""
        value = self._values.get(name, [])
        self._known.add(name)
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.error(f"must be an array of tables, written [[{name}]]", name)
        return tuple(
            TomlTable(self._source, (*self._key, name, position), item)
            for position, item in enumerate(value)
        )

    def finish(self, *, fix: str | None = None) -> None:
        """Refuse keys that were never asked for, naming the nearest known one."""
        for name in self._values:
            if name not in self._known:
                raise self.error(
                    "is not a known key", name, fix=fix or nearest(name, self._known, "write")
                )

    def _take(self, name: str, kind: type[_T], default: _T | None) -> _T:
        self._known.add(name)
        value = self._values.get(name, default)
        if value is None:
            raise self.error("is missing", name)
        # Not isinstance: a TOML boolean is no integer.
        if type(value) is not kind:
            raise self.error(f"must be {_TYPE_NAMES[kind]}", name)
        return value


def nearest(name: str, known: Iterable[str], verb: str) -> str | None:
    """Advise the known name closest to `name`, or list them when none is close."""
    choices = sorted(known)
    close = difflib.get_close_matches(name, choices, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"{verb} one of: {', '.join(choices)}" if choices else None


def _dotted(key: Key) -> str:
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part if _BARE.fullmatch(part) else f'"{part}"'
            text += f".{bare}" if text else bare
    return text


def _key_lines(text: str) -> dict[Key, int]:
    """Find the 1-based line of every key of valid TOML `text`, inline tables' keys excepted."""
    lines: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    position = 0
    line = 1
    counted = 0
    while True:
        position = _skip(_BLANKS, text, position)
        if position == len(text):
            return lines
        line += text.count("\n", counted, position)
        counted = position
        if text[position] == "[":
            array = text.startswith("[[", position)
            key, position = _read_key(text, position + (2 if array else 1))
            position += 2 if array else 1
            table = _resolve(key, counts)
            if array:
                counts[table] = counts.get(table, -1) + 1
                lines.setdefault(table, line)
                table = (*table, counts[table])
            _note(lines, table, line)
        else:
            key, position = _read_key(text, position)
            _note(lines, (*table, *key), line)
            position = _skip_value(text, position + 1)


def _note(lines: dict[Key, int], key: Key, line: int) -> None:
    for length in range(1, len(key) + 1):
        lines.setdefault(key[:length], line)
    lines[key] = line


def _resolve(key: Key, counts: Mapping[Key, int]) -> Key:
    """Point a header below an array of tables at the array's last element."""
    resolved: Key = ()
    for index, part in enumerate(key):
        resolved = (*resolved, part)
        if index < len(key) - 1 and resolved in counts:
            resolved = (*resolved, counts[resolved])
    return resolved


def _read_key(text: str, position: int) -> tuple[Key, int]:
    parts: list[str] = []
    while True:
        position = _skip(_SPACES, text, position)
        quoted = _STRINGS.match(text, position)
        match = quoted or _BARE.match(text, position)
        if match is None:  # pragma: no cover - the standard library has accepted the text
            return tuple(parts), len(text)
        token = match[0]
        parts.append(tomllib.loads(f"key = {token}")["key"] if quoted else token)
        position = _skip(_SPACES, text, match.end())
        if text[position : position + 1] != ".":
            return tuple(parts), position
        position += 1


def _skip_value(text: str, position: int) -> int:
    depth = 0
    while position < len(text):
        character = text[position]
        if character in "\"'":
            match = _STRINGS.match(text, position)
            position = match.end() if match else len(text)
            continue
        if character == "#":
            newline = text.find("\n", position)
            position = len(text) if newline < 0 else newline
            continue
        if character == "\n" and depth == 0:
            return position
        depth += (character in "[{") - (character in "]}")
        position += 1
    return position


def _skip(pattern: re.Pattern[str], text: str, position: int) -> int:
    match = pattern.match(text, position)
    return match.end() if match else position
