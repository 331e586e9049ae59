"""What brought each file of an image: instructions where that is known, else layers.

Known is what the build noted, if it was one of this store; and what the history says, where a layer
has one instruction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from samebit.image.compare_images import OpenedImage
from samebit.image.config import History
from samebit.model.escaped import escaped
from samebit.model.lightness import Source
from samebit.pipeline.origins import known_origins

_MAX_TEXT = 500
# As Dockerfiles have it, as docker's classic builder words it, as BuildKit does.
_NOTHING_WRITTEN = re.compile(
    r"\s*(?:/bin/sh -c )?(?:#\(nop\)\s+)?(?:ARG|CMD|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL"
    r"|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b"
)


@dataclass(frozen=True, slots=True)
class Sources:
    """`rows` are all of them; `first` is the row of each layer, `numbers` what is noted of it.

    In a layer that is noted, number 0 of an entry stands for the layer's own row, the last of its.
    """

    rows: tuple[Source, ...] = ()
    first: tuple[int, ...] = ()
    numbers: tuple[Sequence[int], ...] = ()

    def of(self, layer: int) -> Callable[[int], int]:
        """Give what tells the row of a layer's entry by its ordinal, from 0."""
        first, numbers = self.first[layer], self.numbers[layer]
        if not numbers:
            return lambda _: first

        def row(ordinal: int) -> int:
            return first + (numbers[ordinal] if ordinal < len(numbers) else 0)

        return row


def sources_of(opened: OpenedImage, store_root: Path) -> Sources:
    """Find out what is known of an image's layers."""
    history = opened.image.config_document.history
    texts = [entry.created_by or "" for entry in history]
    rows: list[Source] = []
    first: list[int] = []
    numbers: list[Sequence[int]] = []
    told = _of_layers(history)
    for layer, diff_id in enumerate(opened.diff_ids):
        first.append(len(rows))
        known = known_origins(store_root, diff_id, texts)
        noted = known.numbers() if known is not None else ()
        numbers.append(noted)
        text, count = told[layer] if layer < len(told) else ("", 0)
        rows.append(Source(layer, _shown(text), "", count))
        if known is not None and noted:
            rows[-1] = Source(layer)
            rows += [
                Source(layer, _shown(origin.text), escaped(f"{origin.path}:{origin.line}"), 1)
                for origin in known.instructions
            ]
    return Sources(tuple(rows), tuple(first), tuple(numbers))


def _of_layers(history: Sequence[History]) -> list[tuple[str, int]]:
    """Give for each layer what the history calls it, and how many instructions may be in it."""
    found = []
    count = 0
    for entry in history:
        text = entry.created_by or ""
        if not entry.empty_layer:
            found.append((text, count + 1))
            count = 0
        elif text and not _NOTHING_WRITTEN.match(text) and not text.startswith("WORKDIR"):
            # One that wrote and has no layer of its own: a later one has what it wrote.
            count += 1
    return found


def _shown(text: str) -> str:
    # A heredoc's lines too, on one line.
    return escaped(" ".join(text.split())[:_MAX_TEXT])
