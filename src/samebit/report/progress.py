"""A running build, told line by line: what runs, and what it prints."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from types import TracebackType
from typing import Self, TextIO

from samebit.report.live_line import LiveLine
from samebit.report.terminal import visible

_TICK_SECONDS = 0.5
# Shorter steps need no clock.
_SHOWN_SECONDS = 3


class Style(Enum):
    """How much to tell; AUTO is short on a terminal and plain elsewhere, as docker build's."""

    AUTO = "auto"
    PLAIN = "plain"
    TTY = "tty"
    QUIET = "quiet"


class BuildProgress:
    """Writes to standard error; as a context manager it leaves a terminal tidy.

    The plain form prints every line. The terminal form shows one line, which is rewritten: the
    running instruction, for how long it has run, and what it printed last. Safe between threads.
    """

    def __init__(self, style: Style, stream: TextIO | None = None) -> None:
        """Choose the form. Without a standard error nothing is told."""
        self._out = stream or sys.stderr
        if style is Style.AUTO:
            style = Style.TTY if _is_terminal(self._out) else Style.PLAIN
        self._style = style if self._out is not None else Style.QUIET
        self._describe: Callable[[int, int], str | None] = lambda _stage, _step: None
        self._shown = ""
        self._last = ""
        self._begin = 0.0
        self._live = LiveLine(self._out) if self._style is Style.TTY else None
        self._lock = threading.Lock()
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        if self._live is not None:
            threading.Thread(target=self._tick, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._ended.set()
            if self._live is not None:
                self._live.clear()

    def describe_by(self, describe: Callable[[int, int], str | None]) -> None:
        """Set what turns the engine's stage and step into the user's instruction."""
        self._describe = describe

    def at(self, stage: int, step: int) -> None:
        """Announce the instruction that a lowered step came from."""
        text = self._describe(stage, step)
        if text is None or text == self._shown:
            return
        text = visible(text)
        with self._lock:
            self._shown, self._last, self._begin = text, "", time.monotonic()
            if self._style is Style.PLAIN:
                self._print(text)
            self._draw()

    def line(self, text: str) -> None:
        """Pass on a line of output; a terminal shows only the last one."""
        with self._lock:
            if self._style is Style.PLAIN:
                self._print(f"  {text}")
            elif text.strip():
                self._last = text

    def say(self, text: str) -> None:
        """Tell something about the build itself."""
        with self._lock:
            if self._live is not None:
                self._live.clear()
            if self._style is not Style.QUIET:
                self._print(text)

    def _tick(self) -> None:
        while not self._ended.wait(_TICK_SECONDS):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        if self._live is None or self._ended.is_set() or not (self._shown or self._last):
            return
        seconds = int(time.monotonic() - self._begin) if self._shown else 0
        clock = f"{seconds} s" if seconds >= _SHOWN_SECONDS else ""
        parts = (self._shown, clock, visible(self._last).strip())
        self._live.draw("  ".join(filter(None, parts)))

    def _print(self, text: str) -> None:
        # A full disk or a closed pipe behind standard error is no reason to fail a build.
        with suppress(OSError, ValueError):
            print(text, file=self._out, flush=True)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty() and os.environ.get("TERM") not in {"", "dumb"}
