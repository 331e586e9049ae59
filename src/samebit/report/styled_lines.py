"""Lines that a terminal may show in colour and that a file gets as they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report and how a terminal may show it."""

    text: str
    style: str = ""


def print_lines(lines: Iterable[Line], out: TextIO) -> None:
    """Print lines. Only a terminal gets colour; nothing is wrapped.

    What `out` cannot encode is escaped.
    """
    if out.isatty():
        console = Console(file=out, highlight=False, markup=False, emoji=False)
        for line in lines:
            console.print(Text(line.text, style=line.style), soft_wrap=True)
        return
    encoding = out.encoding or "utf-8"
    for line in lines:
        out.write(line.text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
