"""Writing the engine's Dockerfile so that it means exactly what it says, for every engine.

buildah expands variables and removes quotes in ENV, USER, WORKDIR, COPY, ADD and flags (in COPY's
JSON form, too), reads lines of at most 64 KiB and silently stops at a longer one, and newer engines
look for heredocs in every line.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from samebit.dockerfile.syntax import Instruction
from samebit.errors import MachineError, Place

_LINE_LIMIT = 8000
# What a continuation line must not look like: engines drop comments there.
_COMMENT = re.compile(r"\s*#")
_FLAG_SPECIAL = re.compile(r"""([\\'"$])""")
_FLAG_SEPARATOR = re.compile(r"""([\\'"\s])""")


@dataclass(slots=True)
class Lines:
    """The text of one engine run; every line knows the instruction behind it."""

    texts: list[str] = field(default_factory=list)
    origins: list[Instruction | None] = field(default_factory=list)

    def add(self, text: str, origin: Instruction | None) -> None:
        """Add one instruction, folded into lines that every engine can read."""
        for line in _fold(text):
            self.texts.append(line)
            self.origins.append(origin)

    def extend(self, other: Lines) -> None:
        """Add all lines of another text."""
        self.texts += other.texts
        self.origins += other.origins

    def text(self) -> str:
        """Give the whole text."""
        return "".join(f"{line}\n" for line in self.texts)


def word(value: str, place: Place) -> str:
    """Quote a value that the engine expands as one shell word.

    Raises MachineError for a line break, which no quoting carries.
    """
    if "\n" in value or "\r" in value or "\0" in value:
        raise MachineError(
            f"the engine cannot take a line break here: {value!r}",
            where=place,
            fix="use a value without line breaks",
        )
    return '"' + re.sub(r'([\\"$])', r"\\\1", value) + '"'


def json_words(values: list[str], place: Place) -> str:
    """Give the JSON form of COPY and ADD, whose elements the engine still expands."""
    return _json([word(value, place) for value in values])


def json_command(arguments: tuple[str, ...]) -> str:
    """Give the JSON form of RUN, whose elements no engine touches."""
    return _json(list(arguments))


def flag(name: str, value: str, place: Place) -> str:
    """Write `--name=value`, which the engine unquotes twice, byte by byte.

    Raises MachineError for values that are not printable ASCII.
    """
    if not value.isascii() or not value.isprintable():
        raise MachineError(
            f"the engine cannot take this value: --{name}={value!r}",
            where=place,
            fix="use printable ASCII characters only",
        )
    escaped = _FLAG_SEPARATOR.sub(r"\\\1", _FLAG_SPECIAL.sub(r"\\\1", value))
    return f"--{name}={escaped}"


def _json(values: list[str]) -> str:
    text = json.dumps(values, ensure_ascii=True, separators=(",", ":"))
    # No variable, heredoc or comment can be seen in these escapes; JSON readers turn them back.
    return re.sub(r"[$<`#]", lambda match: f"\\u{ord(match[0]):04x}", text)


def _fold(text: str) -> list[str]:
    lines = []
    while len(text) > _LINE_LIMIT:
        cut = next((n for n in range(_LINE_LIMIT, 0, -1) if not _COMMENT.match(text, n)), None)
        if cut is None:
            raise MachineError(
                f"the engine cannot take a value with {_LINE_LIMIT} number signs in a row",
                fix="shorten it",
            )
        lines.append(text[:cut] + "\\")
        text = text[cut:]
    return [*lines, text]
