"""A running build, told line by line: what runs, and what it prints."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import Enum
from typing import TextIO


class Style(Enum):
    """How much to tell; AUTO is short on a terminal and plain elsewhere, as docker build's."""

    AUTO = "auto"
    PLAIN = "plain"
    TTY = "tty"
    QUIET = "quiet"


class BuildProgress:
    """Writes to standard error."""

    def __init__(self, style: Style, stream: TextIO | None = None) -> None:
        """Choose the form: plain prints every line, the terminal form only the running step."""
        self._out = stream or sys.stderr
        if style is Style.AUTO:
            style = Style.TTY if self._out.isatty() else Style.PLAIN
        self._style = style
        self._describe: Callable[[int, int], str | None] = lambda _stage, _step: None
        self._shown = ""

    def describe_by(self, describe: Callable[[int, int], str | None]) -> None:
        """Set what turns the engine's stage and step into the user's instruction."""
        self._describe = describe

    def at(self, stage: int, step: int) -> None:
        """Announce the instruction that a lowered step came from."""
        text = self._describe(stage, step)
        if text is None or text == self._shown or self._style is Style.QUIET:
            return
        self._shown = text
        print(text, file=self._out, flush=True)

    def line(self, text: str) -> None:
        """Pass on a line of output, in the plain form only."""
        if self._style is Style.PLAIN:
            print(f"  {text}", file=self._out, flush=True)

    def say(self, text: str) -> None:
        """Tell something about the build itself."""
        if self._style is not Style.QUIET:
            print(text, file=self._out, flush=True)
