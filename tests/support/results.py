"""Tables of what a long proof saw, for docs/results; written only where SAMEBIT_RESULTS says."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path


def write_results(
    name: str, text: str, header: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """Replace the file `name` by `text` and a sorted table."""
    folder = os.environ.get("SAMEBIT_RESULTS")
    if folder:
        _write(Path(folder) / name, text, header, rows)


def merge_results(
    name: str, text: str, header: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    """The same for a table of several test files: rows with another first cell stay."""
    folder = os.environ.get("SAMEBIT_RESULTS")
    if not folder:
        return
    path = Path(folder) / name
    known: dict[str, Sequence[str]] = {}
    if path.exists():
        lines = [line for line in path.read_text().splitlines() if line.startswith("| ")]
        for line in lines[2:]:
            cells = line.removeprefix("| ").removesuffix(" |").split(" | ")
            known[cells[0]] = cells
    known |= {row[0]: row for row in rows}
    _write(path, text, header, known.values())


def _write(path: Path, text: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    lines = [header, ["---"] * len(header), *sorted(map(tuple, rows))]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    path.write_text(f"{text}\n\n{table}")
