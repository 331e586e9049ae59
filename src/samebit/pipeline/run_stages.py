"""Running a recipe's stages in the engine, and making the image from the tree they end in."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from samebit.context.select import matches_nothing
from samebit.context.sources import check_sources, place_material
from samebit.context.stage import StagedContext
from samebit.dockerfile import lowering_model
from samebit.dockerfile.evaluate import Evaluation
from samebit.dockerfile.history import history
from samebit.dockerfile.lowering import (
    LoweringOptions,
    context_sources,
    lower,
    with_patterns,
)
from samebit.dockerfile.lowering_model import (
    FILES_DIRECTORY,
    FetchGit,
    FetchUrl,
    LoweredPlan,
    Phase,
    RunStep,
    Selection,
    TreeKind,
    TreeRef,
)
from samebit.dockerfile.stages import External, Plan
from samebit.engines.conditions import StepConditions, StepTrace
from samebit.engines.protocol import (
    STAGE_IMAGES,
    Engine,
    EnginePlan,
    FinalLayers,
    FinalTree,
    MountKind,
    StepFailedError,
    StepMount,
    StepRun,
)
from samebit.engines.step_environment import environment_set
from samebit.errors import MachineError, SamebitError
from samebit.lock.fetch import LockedFetch
from samebit.lock.model import Lock
from samebit.model.descriptor import Descriptor
from samebit.model.digest import Digest
from samebit.model.finding import Finding
from samebit.model.hardening import Hardening
from samebit.model.normalising import Account
from samebit.model.platform import Platform
from samebit.pipeline.attribution import marker
from samebit.pipeline.compose import compose
from samebit.pipeline.contexts import MAIN, Contexts
from samebit.pipeline.engine_base import engine_name, ensure_base
from samebit.pipeline.failures import LoweredSteps, explain_failure, is_pattern
from samebit.pipeline.foreign_steps import tell_foreign_steps
from samebit.pipeline.recipe import ResolvedRecipe
from samebit.pipeline.request import BuildRequest
from samebit.pipeline.secrets import wanted_agents, wanted_secrets
from samebit.pipeline.step_network import (
    BuildNetwork,
    network_error,
    open_build_network,
    warm_up,
)
from samebit.pipeline.tree_layer import BuiltLayer, TreeLayer, tree_layer
from samebit.pipeline.without_shim import require_no_shim
from samebit.report.progress import BuildProgress
from samebit.store.removal import remove_tree
from samebit.store.store import Store

if TYPE_CHECKING:
    # Slow to import, and only verify needs it.
    from samebit.pipeline.witness import Witness


@dataclass(frozen=True, slots=True)
class StagesResult:
    """The image, what it was made of, and what was noticed.

    `context_digests` are those of the contexts that were really staged, `fetches` all that steps
    asked of the network. `account` says what normalising did; `findings` hold what of it a person
    has to know.
    """

    image: Descriptor
    fetches: tuple[LockedFetch, ...]
    context_digests: Mapping[str, Digest]
    findings: tuple[Finding, ...]
    account: Account


def run_stages(
    request: BuildRequest,
    part: ResolvedRecipe,
    *,
    evaluation: Evaluation,
    reachable: frozenset[bytes] | None,
    lock: Lock,
    contexts: Contexts,
    store: Store,
    engine: Engine,
    progress: BuildProgress,
    record: bool,
    witness: Witness | None = None,
) -> StagesResult:
    """Build one platform's image into the store.

    `reachable` are the parts of the context that the stages can read, None for all of it. With
    `record` what steps ask of the network beyond the lock is recorded, else it is a LockError.
    `witness` changes the machine for the steps, and is told who wrote what.
    Raises BuildFailedError for a failing step, and whatever staging, lowering, the engine and the
    canonical writer raise.
    """
    with store.temporary_directory() as work:
        run = _StagesRun(
            request=request,
            part=part,
            evaluation=evaluation,
            reachable=reachable,
            lock=lock,
            contexts=contexts,
            store=store,
            engine=engine,
            progress=progress,
            record=record,
            witness=witness,
            work=work,
        )
        return run.result()


class _PatternFailedError(Exception):
    """The engine could not copy by a pattern from a stage or image; `step` is the step's id."""

    def __init__(self, step: str) -> None:
        super().__init__(step)
        self.step = step


@dataclass(frozen=True, slots=True)
class _StagesRun:
    request: BuildRequest
    part: ResolvedRecipe
    evaluation: Evaluation
    reachable: frozenset[bytes] | None
    lock: Lock
    contexts: Contexts
    store: Store
    engine: Engine
    progress: BuildProgress
    record: bool
    witness: Witness | None
    work: Path

    def result(self) -> StagesResult:
        if not self.engine.shimmed:
            require_no_shim(self.lock, self.part.plan)
        root = self.part.root_image()
        with self.engine.needed():
            staged = self.contexts.stage(
                self.part.plan, self._input, self.lock.epoch, self.reachable
            )
            if _has_steps(self.part.plan):
                warm_up()
                tell_foreign_steps(self.part.plan, self.progress.say)
            for base in self.part.bases.values():
                ensure_base(self.engine, self.store, base.image)
            with tree_layer(self.store, root, self.lock) as layers:
                built, fetches = self._build(staged, layers)
            # While the engine ends.
            image = compose(
                self.store,
                base=root,
                layer=built.layer,
                config=self.evaluation.config,
                history=history(self.evaluation, self.lock.epoch, layer=built.layer is not None),
                epoch=self.lock.epoch,
            )
        return StagesResult(
            image,
            fetches,
            {name: context.digest for name, context in staged.items()},
            (*self.contexts.findings(staged), *self.evaluation.findings, *built.findings),
            built.account,
        )

    def _build(
        self, staged: Mapping[str, StagedContext], layers: TreeLayer
    ) -> tuple[BuiltLayer, tuple[LockedFetch, ...]]:
        """Run the stages; again, with our own copying, when the engine cannot do a pattern."""
        selected: frozenset[str] = frozenset()
        while True:
            lowered = self._lower(staged, selected)
            try:
                with self._network(lowered) as network:
                    layers.begin()
                    with self._final_tree(lowered, staged, selected, network) as tree:
                        built = layers.write(
                            tree,
                            self.evaluation,
                            _given(staged, network),
                            context=os.fsencode(staged[MAIN].root),
                            witness=self.witness,
                        )
                    overridden = network.overridden(lowered.steps)
                    return (
                        replace(built, findings=(*built.findings, *overridden)),
                        network.fetches(),
                    )
            except _PatternFailedError as failure:
                selected |= {failure.step}
            finally:
                for phase in lowered.phases:
                    if phase.image is not None:
                        self.engine.remove(phase.image)

    @property
    def _input(self) -> Path:
        return self.work / "input"

    @property
    def _caches(self) -> Path:
        return self.work / "caches"

    def _lower(self, staged: Mapping[str, StagedContext], selected: frozenset[str]) -> LoweredPlan:
        main = staged[MAIN]
        facts = check_sources(
            main.root,
            self.contexts.folder,
            self.contexts.rules,
            context_sources(self.evaluation),
        )
        names = {external: engine_name(base.image) for external, base in self.part.bases.items()}
        for external in self.part.plan.images:
            if external.reference in staged:
                names[external] = _context_name(external)
        # Unique, so that builds side by side do not commit stages under one name.
        options = LoweringOptions(
            bases=names,
            stage_images=f"{STAGE_IMAGES}:{self.work.name.strip('.')}",
            sources=facts,
            selected=selected,
            ordered=self.engine.concurrent,
            groups_by_shim=self.engine.groups_by_shim,
            root_unsaid=not self.engine.shimmed,
            capture=self.engine.shimmed,
            environment_in_dockerfile=not self.engine.shimmed,
            set_if_absent=self._set_if_absent(),
            cache_scope="" if self.engine.shimmed else self.work.name,
        )
        return lower(self.part.plan, self.evaluation, options)

    @contextmanager
    def _final_tree(
        self,
        lowered: LoweredPlan,
        staged: Mapping[str, StagedContext],
        selected: frozenset[str],
        network: BuildNetwork,
    ) -> Iterator[FinalTree | FinalLayers]:
        work = self.work / f"run-{len(selected)}"
        # A second try must find neither the materials nor the caches of the first.
        for path in (self._input / FILES_DIRECTORY, self._caches):
            remove_tree(path)
            path.mkdir()
        trace = StepTrace()
        for number, lowered_phase in enumerate(lowered.phases):
            phase = self._place_materials(lowered_phase, staged, network)
            plan = self._engine_plan(lowered, phase, staged, network)
            steps = LoweredSteps(phase, self.part.plan)
            self.progress.describe_by(steps.describe)
            try:
                if phase.image is not None:
                    place = work / str(number)
                    done = self.engine.commit(plan, place, self.progress, phase.image)
                    trace = trace.then(done)
                    continue
                with self.engine.build(plan, work / str(number), self.progress) as tree:
                    # Every step has run.
                    self._require_answers(network, None)
                    if isinstance(tree, FinalTree):
                        tree = replace(tree, trace=trace.then(tree.trace))  # noqa: PLW2901
                    yield tree
            except StepFailedError as failure:
                failed = steps.step_id(failure)
                if failed in with_patterns(self.evaluation) - selected and is_pattern(failure):
                    raise _PatternFailedError(failed) from failure
                explained = explain_failure(failure, steps)
                self._require_answers(network, explained)
                raise explained from failure

    def _network(self, lowered: LoweredPlan) -> AbstractContextManager[BuildNetwork]:
        return open_build_network(
            self.store,
            self.lock,
            self.part.plan,
            steps=self.engine.shimmed
            and any(step.network != "none" for step in lowered.steps.values()),
            additions=any(
                isinstance(material, FetchUrl | FetchGit)
                for phase in lowered.phases
                for material in phase.materials
            ),
            record=self.record,
            addresses=self.witness.conditions.addresses if self.witness is not None else 0,
            say=self.progress.say,
        )

    def _require_answers(self, network: BuildNetwork, failure: SamebitError | None) -> None:
        """Raise for what steps asked in vain, even where they went on all the same."""
        error = network_error(network.problems(), self.part.plan, failure)
        if error is not None:
            raise error from failure

    def _place_materials(
        self, phase: Phase, staged: Mapping[str, StagedContext], network: BuildNetwork
    ) -> Phase:
        """Make what a phase needs beside the context; gives the phase without empty copies."""
        files = self._input / FILES_DIRECTORY
        with ExitStack() as mounts:

            def root_of(tree: TreeRef) -> Path:
                if tree.kind is TreeKind.CONTEXT:
                    return staged[MAIN].root
                for external in self.part.plan.images:
                    if external.reference in staged and tree.image == _context_name(external):
                        return staged[external.reference].root
                return Path(os.fsdecode(mounts.enter_context(self.engine.mounted(tree.image)).root))

            for material in phase.materials:
                if isinstance(material, Selection) and matches_nothing(
                    root_of(material.tree), material
                ):
                    phase = phase.without(material.directory)
                place_material(
                    material,
                    files,
                    epoch=self.lock.epoch,
                    tree_root=root_of,
                    fetcher=network.additions,
                )
        return phase

    def _engine_plan(
        self,
        lowered: LoweredPlan,
        phase: Phase,
        staged: Mapping[str, StagedContext],
        network: BuildNetwork,
    ) -> EnginePlan:
        contexts = {name: self._input / place for name, place in phase.build_contexts}
        for external in self.part.plan.images:
            if external.reference in staged:
                contexts[_context_name(external)] = staged[external.reference].root
        root = self.part.root_image()
        hardening = self.lock.recipe.hardening
        given = {**self._set_if_absent(), **network.variables}
        return EnginePlan(
            dockerfile=phase.text,
            context=self._input,
            build_contexts=contexts,
            steps={
                identity: _step(step, self.part.plan.proxy_args, hardening)
                for identity, step in lowered.steps.items()
            },
            base=engine_name(root) if root else None,
            # The engine's own idea of platforms would only refuse bases of others.
            platform=str(Platform.native()),
            set_if_absent=given,
            caches=self._caches,
            secrets=wanted_secrets(lowered.steps, self.request.secrets),
            agents=wanted_agents(lowered.steps, self.request.ssh),
            network=network.steps,
            traced=self._traced() if self.witness is not None else {},
            conditions=self.witness.conditions if self.witness is not None else StepConditions(),
        )

    def _set_if_absent(self) -> dict[str, str]:
        hardening = self.lock.recipe.hardening
        return {
            **hardening.absent(),
            **environment_set(self.lock.environment, self.lock.epoch),
        }

    def _traced(self) -> dict[str, int]:
        """Give the last RUN of each stage that another one uses."""
        stages = self.evaluation.stages
        return {
            marker(step): number
            for number, result in sorted(stages.items())
            if number != self.evaluation.target
            for step in [step for step in result.steps if step.keyword == "RUN"][-1:]
        }


def _has_steps(plan: Plan) -> bool:
    return any(
        instruction.keyword == "RUN"
        for index in plan.needed
        for instruction in plan.stages[index].instructions
    )


def _step(step: RunStep, proxies: Mapping[str, str], hardening: Hardening) -> StepRun:
    if step.security == "insecure":
        raise MachineError(
            "RUN --security=insecure asks for full rights on this machine",
            where=step.place,
            fix="remove the flag; samebit runs every step in a sandbox",
        )
    return StepRun(
        args=step.args,
        # The recorder goes by the proxies that were given; a step finds none but the Dockerfile's.
        env=hardening.appended(
            tuple((name, value) for name, value in step.environment if proxies.get(name) != value)
        ),
        cwd=step.cwd,
        network=step.network,
        mounts=tuple(_mount(mount) for mount in step.mounts if not mount.option),
        user=step.user or "0",
        after=step.after,
        moved=tuple((m.placeholder, m.target) for m in step.mounts if m.placeholder),
    )


def _mount(mount: lowering_model.StepMount) -> StepMount:
    return StepMount(
        kind=MountKind(mount.kind),
        target=mount.target,
        id=mount.id,
        read_only=mount.read_only,
        mode=mount.mode,
        uid=mount.uid,
        gid=mount.gid,
        size=mount.size,
        variable=mount.variable,
    )


def _context_name(external: External) -> str:
    """Name a directory of --build-context for the engine; names may hold what it does not take."""
    return f"samebit-named-{Digest.of(external.reference.encode()).hex[:16]}"


def _given(staged: Mapping[str, StagedContext], network: BuildNetwork) -> frozenset[bytes]:
    """Give the sha256 of every file that the build was given, from contexts and by fetching."""
    files = {entry.content for context in staged.values() for entry in context.entries}
    return frozenset(files | {bytes.fromhex(fetch.digest.hex) for fetch in network.fetches()})
