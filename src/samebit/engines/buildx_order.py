"""The order in which BuildKit's steps are told: the Dockerfile's.

BuildKit starts steps of later stages early, and those of RUN then wait in the shim. Which of two
starts buildx tells first is chance.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from samebit.engines.buildx_words import StepNumbers


class StepOrder:
    """Takes the steps that have started, gives those to tell of."""

    def __init__(self, steps: StepNumbers) -> None:
        self._steps = steps
        self._runs = [(stage, step) for word, stage, step in steps.known.values() if word == "RUN"]
        self._open: list[tuple[tuple[int, int], str]] = []
        self._told: tuple[int, int] | None = None
        self._ended = 0

    def next(self, started: Sequence[str], ended: AbstractSet[str]) -> list[tuple[int, int]]:
        """Give (stage, step) of what runs now and was not told; names are BuildKit's.

        `started` are those that have started since the last call, `ended` all that have ended.
        """
        if not started and len(ended) == self._ended:
            return []
        self._ended = len(ended)
        over = {self._steps.position(name) for name in ended}
        self._runs = [run for run in self._runs if run not in over]
        for name in started:
            position = self._steps.position(name)
            if position is not None:
                heapq.heappush(self._open, (position, name))
        found = []
        while self._open:
            position, name = self._open[0]
            if name not in ended and position in self._runs and position != min(self._runs):
                # One before it has not even started, as far as is told.
                break
            if position != self._told:
                found.append(position)
                self._told = position
            if name not in ended:
                break
            heapq.heappop(self._open)
        return found
