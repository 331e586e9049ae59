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
    if not folder:
        return
    lines = [header, ["---"] * len(header), *sorted(rows)]
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    (Path(folder) / name).write_text(f"{text}\n\n{table}")
