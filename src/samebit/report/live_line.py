"""One line of a terminal that is rewritten in place (ECMA-48: EL)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

_CLEAR = "\r\x1b[2K"


@contextmanager
def comparison_progress(stream: TextIO | None) -> Iterator[Callable[[str], None]]:
    """Give what shows, on a terminal only, what is being done; the line is gone in the end."""
    if stream is None or not stream.isatty():
        yield lambda _: None
        return
    line = LiveLine(stream)
    try:
        yield line.draw
    finally:
        line.clear()


class LiveLine:
    """The last line of a terminal. The cursor stays: whoever is killed cannot bring it back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._drawn = ""

    def draw(self, text: str) -> None:
        """Show `text`, cut to the terminal's width so that it never wraps."""
        # Here, because only terminals need it.
        from rich.cells import set_cell_size  # noqa: PLC0415

        width = shutil.get_terminal_size().columns - 1
        text = set_cell_size(text.replace("\t", " ").replace("\n", " "), width).rstrip()
        if text != self._drawn:
            self._write(_CLEAR + text)
            self._drawn = text

    def clear(self) -> None:
        """Leave an empty line for what is told next."""
        if self._drawn:
            self._write(_CLEAR)
            self._drawn = ""

    def _write(self, text: str) -> None:
        # The terminal may be gone.
        with suppress(OSError, ValueError):
            self._stream.write(text)
            self._stream.flush()
