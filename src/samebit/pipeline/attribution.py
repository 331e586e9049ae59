"""Which instruction last wrote a path of the image.

A path's change time says when it was last written: the kernel sets it, and no program can. The
runtime shim notes when each RUN had the tree to itself, by the same clock. What was written between
two RUN steps was written by a COPY, ADD or WORKDIR between them, whose destination and sources tell
which. Where that is not known, only what is certain from the Dockerfile alone is said.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from samebit.dockerfile.evaluate import Evaluation, Step
from samebit.dockerfile.stages import StageBase
from samebit.engines.conditions import StepTrace
from samebit.errors import Place

_WRITERS = frozenset({"RUN", "COPY", "ADD", "WORKDIR"})
_PATTERN = re.compile(r"[*?\[\\]")
# A chain of stages that copy from each other ends, but so must this.
_DEPTH = 100


@dataclass(frozen=True, slots=True)
class Writer:
    """The instruction that wrote a path, and the one in another stage that it copied it from."""

    step: Step
    origin: Step | None = None

    @property
    def place(self) -> Place:
        """Where the one that made the content stands."""
        return (self.origin or self.step).where


@dataclass(frozen=True, slots=True)
class Attribution:
    """What is known of who wrote what.

    `is_link` tells whether a path of the final tree is a symlink: what COPY writes to such a
    destination lands elsewhere. `changed` gives the change time of a path of the final tree in ns,
    None where it is not known; `trace` the times of RUN steps, and what other stages wrote when.
    `in_context` tells whether the build context has a path.
    """

    evaluation: Evaluation
    is_link: Callable[[bytes], bool]
    trace: StepTrace = field(default_factory=StepTrace)
    changed: Callable[[bytes], int | None] = lambda _: None
    in_context: Callable[[bytes], bool] = lambda _: True
    # What is the same for every path of a layer.
    _noted: dict[int, list[tuple[Step, int, int]] | None] = field(default_factory=dict)
    _gaps: dict[tuple[int, int], Sequence[Step]] = field(default_factory=dict)
    _places: dict[tuple[int, int], tuple[bytes, list[bytes], bool]] = field(default_factory=dict)

    @classmethod
    def of(cls, evaluation: Evaluation, is_link: Callable[[bytes], bool]) -> Attribution:
        """Know nothing but the Dockerfile."""
        return cls(evaluation, is_link)

    def place(self, path: bytes) -> Place | None:
        """Give the place of the instruction that made `path`; None where that is not certain."""
        found = self.writer(path)
        return found.place if found is not None else None

    def writer(self, path: bytes) -> Writer | None:
        """Give the instruction that last wrote `path`; None where that is not certain."""
        when = self.changed(path)
        target = self.evaluation.target
        if when is not None and self._windows(target) is not None:
            found = self._at(target, path, when, 0)
            if found is not None:
                return found
        return self._only(path)

    def _only(self, path: bytes) -> Writer | None:
        """Give the only instruction that can have written it."""
        steps = [step for result in self.evaluation.chain() for step in result.steps]
        able = [step for step in steps if self._can_write(step, path)]
        # WORKDIR makes its directory and nothing else.
        if len(able) > 1:
            able = [step for step in able if step.keyword != "WORKDIR"]
        if len(able) != 1 or able[0].keyword == "WORKDIR":
            return None
        return self._with_origin(able[0], path, 0)

    def _windows(self, stage: int) -> list[tuple[Step, int, int]] | None:
        """Give when the RUN steps of a stage ran; None where one of them was not noted."""
        if stage not in self._noted:
            self._noted[stage] = self._find_windows(stage)
        return self._noted[stage]

    def _find_windows(self, stage: int) -> list[tuple[Step, int, int]] | None:
        known = {record.step: record for record in self.trace.records}
        found = []
        for step in self._steps(stage):
            if step.keyword == "RUN":
                record = known.get(marker(step))
                if record is None:
                    return None
                found.append((step, record.began, record.ended))
        return found

    def _steps(self, stage: int) -> Sequence[Step]:
        result = self.evaluation.stages.get(stage)
        steps = result.steps if result is not None else ()
        return [step for step in steps if step.keyword in _WRITERS]

    def _at(self, stage: int, path: bytes, when: int, depth: int) -> Writer | None:
        """Give who wrote `path` of a stage at that time."""
        windows = self._windows(stage)
        if windows is None or depth > _DEPTH:
            return None
        for step, began, ended in windows:
            if began < when <= ended:
                return Writer(step)
        before = sum(ended < when for _, _, ended in windows)
        able = [step for step in self._between(stage, before) if self._can_write(step, path)]
        for step in reversed(able):
            if step.keyword == "WORKDIR" or self._has_source(step, path):
                return self._with_origin(step, path, depth)
        if not before:
            # Not of this stage: unpacked when it began.
            base = self.evaluation.stages[stage].stage.base
            if isinstance(base, StageBase):
                return self._in_stage(base.index, path, depth + 1)
        return None

    def _between(self, stage: int, before: int) -> Sequence[Step]:
        """Give the steps after the RUN number `before` of a stage, from 1, up to the next one."""
        if (stage, before) not in self._gaps:
            steps = self._steps(stage)
            runs = [number for number, step in enumerate(steps) if step.keyword == "RUN"]
            start = runs[before - 1] + 1 if before else 0
            end = runs[before] if before < len(runs) else len(steps)
            self._gaps[stage, before] = steps[start:end]
        return self._gaps[stage, before]

    def _in_stage(self, stage: int, path: bytes, depth: int) -> Writer | None:
        when = self.trace.written.get(stage, {}).get(path)
        if when is not None:
            found = self._at(stage, path, when, depth)
            if found is not None:
                return found
        # Written after its last RUN, or by a stage without any.
        steps = self._steps(stage)
        for step in reversed(steps):
            if step.keyword == "RUN":
                break
            if self._can_write(step, path) and self._has_source(step, path):
                return self._with_origin(step, path, depth)
        result = self.evaluation.stages.get(stage)
        if result is not None and isinstance(result.stage.base, StageBase) and depth <= _DEPTH:
            return self._in_stage(result.stage.base.index, path, depth + 1)
        return None

    def _with_origin(self, step: Step, path: bytes, depth: int) -> Writer:
        """Add who wrote what a COPY --from took from another stage."""
        if not isinstance(step.base, StageBase) or depth > _DEPTH:
            return Writer(step)
        for source in self._sources(step, path):
            found = self._in_stage(step.base.index, source, depth + 1)
            if found is not None:
                return Writer(step, found.origin or found.step)
        return Writer(step)

    def _can_write(self, step: Step, path: bytes) -> bool:
        if step.keyword == "RUN":
            return True
        if step.keyword not in _WRITERS:
            return False
        destination, heads, linked = self._place_of(step)
        # The destination decides, unless a symlink on the way leads elsewhere.
        if linked:
            return True
        if step.keyword == "WORKDIR":
            return path in heads
        return not destination or path in heads or path.startswith(destination + b"/")

    def _place_of(self, step: Step) -> tuple[bytes, list[bytes], bool]:
        """Give the destination, the folders above it, and whether one of them is a symlink."""
        key = (step.stage, step.instruction.ordinal)
        if key not in self._places:
            destination = _destination(step)
            heads = _heads(destination)
            linked = any(self.is_link(head) for head in heads if head)
            self._places[key] = (destination, heads, linked)
        return self._places[key]

    def _has_source(self, step: Step, path: bytes) -> bool:
        """Tell whether what a COPY takes can have put something at `path`."""
        if step.base is not None or step.keyword == "ADD" or step.files:
            return True
        if path in self._place_of(step)[1]:
            return True
        sources = list(self._sources(step, path))
        return not sources or any(self.in_context(source) for source in sources)

    def _sources(self, step: Step, path: bytes) -> Iterator[bytes]:
        """Give the paths that a COPY may have taken `path` from; none where patterns hide it."""
        destination = self._place_of(step)[0]
        inside = path[len(destination) + 1 :] if destination else path
        for word in step.words:
            if step.switch("parents"):
                # What lies before the pivot is left out of the copy.
                above = word.partition("/./")[0].strip("/") if "/./" in word else ""
                yield os.path.join(os.fsencode(above), inside)
                continue
            if _PATTERN.search(word):
                return
            source = os.fsencode(posixpath.normpath("/" + word)).lstrip(b"/")
            if path == destination:
                yield source
            elif path.startswith(destination + b"/") or not destination:
                # A directory's content, or a file under its own name.
                yield source + b"/" + inside if source else inside
                if inside == source.rpartition(b"/")[2]:
                    yield source


def marker(step: Step) -> str:
    """Give the name that the runtime shim knows a RUN by."""
    return f"{step.stage}/{step.instruction.ordinal}"


def _destination(step: Step) -> bytes:
    told = step.words[0] if step.keyword == "WORKDIR" and step.words else step.destination
    text = posixpath.normpath(posixpath.join("/", step.working_dir, told or "."))
    return os.fsencode(text).lstrip(b"/")


def _heads(path: bytes) -> list[bytes]:
    parts = path.split(b"/")
    return [b"/".join(parts[: count + 1]) for count in range(len(parts))]
