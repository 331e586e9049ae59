"""Building one thing several times, each time under other conditions."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Self, TextIO

from samebit.dockerfile.evaluate import Evaluation, evaluate
from samebit.dockerfile.lowering import context_sources, reachable
from samebit.engines.buildah import Buildah
from samebit.engines.buildkit import Buildkit
from samebit.engines.conditions import EngineConditions
from samebit.engines.own_storage import own_storage
from samebit.engines.user_namespace import run_inside, why_not
from samebit.errors import MachineError, Place, SamebitError
from samebit.explain.protocol import BuildFacts
from samebit.model.descriptor import Descriptor
from samebit.model.escaped import escaped
from samebit.model.platform import Platform
from samebit.model.verification import Instruction
from samebit.pipeline.attribution import marker
from samebit.pipeline.build import Prepared
from samebit.pipeline.compose import combine
from samebit.pipeline.contexts import MAIN, Contexts
from samebit.pipeline.failures import shown
from samebit.pipeline.recipe import ResolvedRecipe, told_platform
from samebit.pipeline.request import BuildRequest
from samebit.pipeline.run_stages import run_stages
from samebit.pipeline.session import Session
from samebit.pipeline.varied_context import copy_context
from samebit.pipeline.witness import Witness
from samebit.report.progress import BuildProgress, Style
from samebit.variations.apply import Variation
from samebit.variations.protocol import ContextConditions, Machine

# Unpacked layers are about three times as large, and each stage has a tree.
_UNPACKED = 3
_LEAST_SPACE = 512 << 20
# A varied build may wait for processors or memory, but not for ever.
_PATIENCE = 10


@dataclass(frozen=True, slots=True)
class VerifiedBuild:
    """One finished build. `started` is by time.monotonic, in seconds; `facts` are for causes."""

    image: Descriptor
    platforms: tuple[tuple[Platform, Descriptor], ...]
    variation: Variation
    witness: Witness
    started: float
    facts: BuildFacts


class VerifyBuilds:
    """Builds what was prepared, without memo and caches; as a context manager it tidies up."""

    def __init__(
        self,
        request: BuildRequest,
        prepared: Prepared,
        session: Session,
        work: Path,
        progress: BuildProgress,
        *,
        other_engine: str = "",
        patience: int,
    ) -> None:
        """Build in folders below `work`; `other_engine` is the path of one to vary it by.

        Steps of varied builds are stopped after `patience` seconds, or after ten times what the
        first build took where that is more.
        """
        self._request = request
        self._other_engine = other_engine
        self._prepared = prepared
        self._session = session
        self._work = work
        self._progress = progress
        self._stack = ExitStack()
        self._engines: dict[EngineConditions, Buildah | Buildkit] = {}
        self._contexts: dict[ContextConditions, Contexts] = {}
        self._count = 0
        self._patience = patience

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self._stack.close()

    @property
    def made(self) -> int:
        """How many builds were begun."""
        return self._count

    @property
    def platforms(self) -> tuple[Platform, ...]:
        """What is built for."""
        return tuple(part.platform for part in self._prepared.parts)

    @cached_property
    def evaluations(self) -> tuple[tuple[ResolvedRecipe, Evaluation], ...]:
        """The stages of each platform, expanded."""
        return tuple(
            (
                part,
                evaluate(
                    part.plan,
                    part.configs(),
                    labels=self._request.labels,
                    platform=told_platform(self._request, part.platform),
                ),
            )
            for part in self._prepared.parts
        )

    @cached_property
    def instructions(self) -> Mapping[str, Instruction]:
        """Every instruction of needed stages, by the number that a witness gives it."""
        return {
            marker(step): Instruction(
                Place(step.where.path, step.where.line), escaped(shown(step.instruction))
            )
            for _, evaluation in self.evaluations
            for result in evaluation.stages.values()
            for step in result.steps
        }

    @cached_property
    def run_steps(self) -> int:
        """How many RUN steps there are."""
        return len(
            {
                marker(step)
                for _, evaluation in self.evaluations
                for result in evaluation.stages.values()
                for step in result.steps
                if step.keyword == "RUN"
            }
        )

    def machine(self, number: int) -> Machine:
        """Tell axes about this machine; `number` counts varied builds from 1."""
        engine = self._engine(EngineConditions())
        return Machine(
            number=number,
            processors=tuple(sorted(os.sched_getaffinity(0))),
            home=engine.home,
            driver=engine.driver,
            engine=engine.name,
            program=engine.program,
            other_engine=self._other_engine,
            other_runtime=engine.other_runtime(),
            no_user_namespace=why_not(),
            space=self._space,
            memory=_free_memory(),
            temporary=self._work.parent,
        )

    def build(self, variation: Variation) -> VerifiedBuild:
        """Build once. Raises as a build does."""
        self._count += 1
        folder = self._work / f"build-{self._count}"
        folder.mkdir()
        # Even where the build is another process: what is copied, this one can read.
        contexts = self._context(variation.conditions.context)
        begun = time.monotonic()
        if variation.conditions.user_namespace:
            done = self._build_inside(variation, contexts, folder)
        else:
            done = self._build(variation, contexts, folder)
        if self._count == 1:
            self._patience = max(self._patience, int(_PATIENCE * (time.monotonic() - begun)))
        return done

    def _build_inside(
        self, variation: Variation, contexts: Contexts, folder: Path
    ) -> VerifiedBuild:
        def call(lines: TextIO) -> bytes:
            # The storages, the engines and the terminal of the other process are not for this one.
            self._engines, self._progress = {}, BuildProgress(Style.PLAIN, lines)
            try:
                with ExitStack() as self._stack:
                    done = self._build(variation, contexts, folder)
            except SamebitError as error:
                return pickle.dumps(str(error))
            noted = dict(done.witness.unreached), done.witness.platforms
            return pickle.dumps((done.image, done.platforms, done.started, done.facts, noted))

        data = run_inside(call, self._progress.line)
        told = pickle.loads(data)  # noqa: S301 - of our own process
        if isinstance(told, str):
            raise MachineError(told)
        image, platforms, started, facts, noted = told
        witness = Witness(folder, variation.conditions.step, *noted)
        return VerifiedBuild(image, platforms, variation, witness, started, facts)

    def _build(self, variation: Variation, contexts: Contexts, folder: Path) -> VerifiedBuild:
        conditions = variation.conditions
        engine = self._engine(conditions.engine)
        step = conditions.step
        if variation.varied:
            step = replace(step, seconds=self._patience)
        witness = Witness(folder, step)
        started, begun = time.monotonic(), int(time.time())
        images = []
        for part, evaluation in self.evaluations:
            done = run_stages(
                self._request,
                part,
                evaluation=evaluation,
                reachable=reachable(context_sources(evaluation)),
                lock=self._prepared.lock,
                contexts=contexts,
                store=self._session.store,
                engine=engine,
                progress=self._progress,
                record=False,
                witness=witness,
            )
            images.append((part.platform, done.image))
        image = combine(self._session.store, images)
        facts = _facts(variation, witness, begun, int(time.time()))
        return VerifiedBuild(image, tuple(images), variation, witness, started, facts)

    @cached_property
    def _space(self) -> int:
        parts = self._prepared.parts
        layers = {
            layer.digest: layer.size
            for part in parts
            for base in part.bases.values()
            for layer in base.image.manifest.layers
        }
        trees = sum(len(part.plan.needed) for part in parts) + 1
        return _LEAST_SPACE + _UNPACKED * sum(layers.values()) * trees

    def _engine(self, conditions: EngineConditions) -> Buildah | Buildkit:
        if conditions not in self._engines:
            home = None
            if conditions.place is not None:
                home = self._stack.enter_context(own_storage(conditions.place))
            usual = self._engines.get(EngineConditions())
            self._engines[conditions] = self._session.start_varied_engine(conditions, home, usual)
        return self._engines[conditions]

    def _context(self, conditions: ContextConditions) -> Contexts:
        if conditions not in self._contexts:
            self._contexts[conditions] = self._copied(conditions)
        return self._contexts[conditions]

    def _copied(self, conditions: ContextConditions) -> Contexts:
        request, workspace = self._request, self._prepared.workspace
        store = self._session.store
        usual = Contexts(request, workspace, store)
        if not conditions.moved:
            return usual
        folder = self._work / f"context-{len(self._contexts)}"
        folder.mkdir()
        plans = [part.plan for part in self._prepared.parts]
        copies = {}
        for number, (name, source, rules) in enumerate(usual.folders(plans)):
            copies[name] = folder / f"copy-{number}"
            copy_context(source, rules, copies[name], conditions, usual.excluded)
        main = copies.pop(MAIN)
        changed = replace(
            request,
            build_contexts={
                **request.build_contexts,
                **{name: os.fspath(path) for name, path in copies.items()},
            },
        )
        return Contexts(changed, replace(workspace, context=main), store)


def without_failing(
    names: frozenset[str],
    risky: tuple[frozenset[str], ...],
    vary: Callable[[frozenset[str]], Variation],
    build: Callable[[Variation], VerifiedBuild],
) -> tuple[VerifiedBuild, dict[str, str]]:
    """Build with all axes of `names`; where that fails, without some that programs may not bear.

    `risky` are the sets that are left out, one after the other. Gives the build, and by axis why it
    was left out. Raises what the first build raised when none of them helps.
    """
    try:
        return build(vary(names)), {}
    except SamebitError as error:
        first = error
    varied = vary(names).varied
    for axes in risky:
        left_out = axes & varied.keys()
        if not left_out:
            continue
        try:
            done = build(vary(names - left_out))
        except SamebitError:
            continue
        return done, dict.fromkeys(sorted(left_out), f"the build fails under it: {first}")
    raise first


def _facts(variation: Variation, witness: Witness, started: int, ended: int) -> BuildFacts:
    step = variation.conditions.step
    release = os.uname().release
    if step.clock is not None and witness.unreached:
        # Some programs saw one time and some another.
        times: tuple[int | None, int | None] = (None, None)
    else:
        shift = step.clock.shift if step.clock is not None else 0
        times = (started + shift, ended + shift)
    place = variation.conditions.engine.place
    return BuildFacts(
        started=times[0],
        ended=times[1],
        names=(step.host_name,),
        kernel=release if "kernel" not in variation.varied else "",
        paths=(os.fspath(place),) if place is not None else (),
        processors=len(step.processors) or len(os.sched_getaffinity(0)),
    )


def _free_memory() -> int:
    """Give how much memory is free, in bytes, 0 where the kernel does not say (proc(5))."""
    for line in Path("/proc/meminfo").read_text("ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    return 0
