"""Which instruction a path of the layer comes from, where that is certain."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from samebit.dockerfile.evaluate import Evaluation, Step
from samebit.errors import Place

_WRITERS = frozenset({"RUN", "COPY", "ADD"})


@dataclass(frozen=True, slots=True)
class Attribution:
    """The instructions of the final stage that change its tree, in order.

    `is_link` tells whether a path of the final tree is a symlink: what COPY writes to such a
    destination lands elsewhere.
    """

    steps: Sequence[Step]
    is_link: Callable[[bytes], bool]

    @classmethod
    def of(cls, evaluation: Evaluation, is_link: Callable[[bytes], bool]) -> Attribution:
        """Look at the final stage and the stages it stands on."""
        steps = [step for result in evaluation.chain() for step in result.steps]
        return cls([step for step in steps if step.keyword in _WRITERS], is_link)

    def place(self, path: bytes) -> Place | None:
        """Give the place of the only instruction that can have written `path`, else None."""
        able = [step for step in self.steps if self._can_write(step, path)]
        return able[0].where if len(able) == 1 else None

    def _can_write(self, step: Step, path: bytes) -> bool:
        if step.keyword == "RUN":
            return True
        # The destination decides, unless a symlink on the way leads elsewhere.
        text = posixpath.normpath(posixpath.join("/", step.working_dir, step.destination or "."))
        destination = text.lstrip("/").encode("utf-8", "surrogateescape")
        ancestors = destination.split(b"/")
        heads = [b"/".join(ancestors[: count + 1]) for count in range(len(ancestors))]
        if any(self.is_link(head) for head in heads if head):
            return True
        return not destination or path == destination or path.startswith(destination + b"/")
