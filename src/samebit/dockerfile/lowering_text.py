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
# A continuation line must not look like a comment or be blank, and its end must not look like
# another continuation.
_BAD_START = re.compile(r"[\s#]")
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


def glob_literal(path: str) -> str:
    """Escape a path so that the engine, which expands every source as a pattern, finds itself."""
    return re.sub(r"([*?\[\\])", r"\\\1", path)


def _json(values: list[str]) -> str:
    text = json.dumps(values, ensure_ascii=True, separators=(",", ":"))
    # Neither a variable nor a heredoc can be seen in these escapes; JSON readers turn them back.
    return text.replace("$", "\\u0024").replace("<", "\\u003c").replace("`", "\\u0060")


def _fold(text: str) -> list[str]:
    lines = []
    while len(text) > _LINE_LIMIT:
        cut = _LINE_LIMIT
        while cut > 1 and (_BAD_START.match(text[cut]) or text[cut - 1] in "\\ \t"):
            cut -= 1
        lines.append(text[:cut] + "\\")
        text = text[cut:]
    lines.append(text)
    return lines
