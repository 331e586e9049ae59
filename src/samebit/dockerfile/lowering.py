"""From evaluated steps to what the engine gets (DESIGN 4; docs/engines.md lists every lowering).

The engine makes trees only: it gets FROM, COPY, ADD, RUN, USER, WORKDIR and the few ENV that carry
information to RUN. Everything that only changes the image's configuration is left out, because the
configuration is computed by `evaluate`, and VOLUME makes old engines throw changes away.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from samebit.dockerfile.evaluate import Evaluation, StageResult, Step
from samebit.dockerfile.lowering_copy import copy_sources, lower_copy
from samebit.dockerfile.lowering_model import (
    ContextSource,
    FetchGit,
    FetchUrl,
    InlineFile,
    LoweredPlan,
    Phase,
    RunStep,
    Selection,
    TreeKind,
)
from samebit.dockerfile.lowering_mounts import Mounts, mount_sources
from samebit.dockerfile.lowering_state import (
    LoweringOptions,
    State,
    has_wildcards,
    step_id,
)
from samebit.dockerfile.lowering_text import Lines, json_command, word
from samebit.dockerfile.stages import External, Plan, Scratch, StageBase
from samebit.errors import InternalError, MachineError, Place

STEP_VARIABLE = "SAMEBIT_STEP"
CAPTURE = "capture"
CAPTURE_COMMAND = "samebit-capture"
# A mount there is only waited for, where no shim can wait.
_WAITED_FOR = "/dev/.samebit/after"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")

__all__ = [
    "CAPTURE",
    "CAPTURE_COMMAND",
    "STEP_VARIABLE",
    "ContextSource",
    "FetchGit",
    "FetchUrl",
    "InlineFile",
    "LoweredPlan",
    "LoweringOptions",
    "Phase",
    "RunStep",
    "Selection",
    "context_sources",
    "lower",
    "reachable",
    "with_patterns",
]


def context_sources(evaluation: Evaluation) -> tuple[ContextSource, ...]:
    """Give every path and pattern that the needed stages take from the build context."""
    found: list[ContextSource] = []
    for result in evaluation.stages.values():
        for step in result.steps:
            if step.keyword in ("COPY", "ADD"):
                found += copy_sources(step)
            elif step.keyword == "RUN":
                found += mount_sources(step)
    return tuple(found)


def reachable(sources: Iterable[ContextSource]) -> frozenset[bytes] | None:
    """Give the parts of the build context that `sources` can read; None for all of it.

    For a pattern that is the directory above its first wildcard.
    """
    paths = set()
    for source in sources:
        fixed: list[str] = []
        for part in source.path.split("/"):
            if source.pattern and has_wildcards(part):
                break
            fixed.append(part)
        path = "/".join(fixed)
        if not path:
            return None
        paths.add(path.encode("utf-8", "surrogateescape"))
    return frozenset(paths)


def with_patterns(evaluation: Evaluation) -> frozenset[str]:
    """Give the steps that copy from a stage or image by a pattern, by their id.

    What it matches is known only when the tree is there. The engine fails when that is nothing, or
    a name that looks like a pattern itself; docker copies what there is.
    """
    return frozenset(
        step_id(step)
        for result in evaluation.stages.values()
        for step in result.steps
        if step.keyword == "COPY" and step.base is not None and any(map(has_wildcards, step.words))
    )


def lower(plan: Plan, evaluation: Evaluation, options: LoweringOptions) -> LoweredPlan:
    """Lower the needed stages.

    One engine run does all stages, unless something must be selected from a stage's tree: then
    every stage is a run of its own, committed under a name that the later ones refer to. Raises
    MachineError for what the engine cannot do and DockerfileError for what docker refuses, too.
    """
    state = State(options, split=False)
    phases = _phases(plan, evaluation, state)
    if any(_needs_a_stage(material) for phase in phases for material in phase.materials):
        state = State(options, split=True)
        phases = _phases(plan, evaluation, state)
    return LoweredPlan(phases, state.steps, tuple(sorted(state.bases)))


def _needs_a_stage(material: object) -> bool:
    return isinstance(material, Selection) and material.tree.kind is TreeKind.STAGE


def _phases(plan: Plan, evaluation: Evaluation, state: State) -> tuple[Phase, ...]:
    groups = [[index] for index in plan.needed] if state.split else [list(plan.needed)]
    phases = []
    for group in groups:
        lines = Lines()
        state.contexts.clear()
        before = len(state.materials)
        running: Step | None = None
        for index in group:
            stage = evaluation.stages[index]
            _StageLowering(plan, stage, state, lines, running).run()
            running = next((s for s in reversed(stage.steps) if s.keyword == "RUN"), running)
        last = group[-1] == plan.target
        if last and state.options.capture:
            _capture(lines)
        phases.append(
            Phase(
                text=lines.text(),
                origins=tuple(lines.origins),
                image=None if last else state.stage_image(group[-1]),
                materials=tuple(state.materials[before:]),
                build_contexts=tuple(sorted(state.contexts.items())),
            )
        )
    return tuple(phases)


def _capture(lines: Lines) -> None:
    lines.add("USER 0:0", None)
    lines.add(f"ENV {STEP_VARIABLE}={CAPTURE}", None)
    lines.add(f"RUN {json_command((CAPTURE_COMMAND,))}", None)


class _StageLowering:
    """One stage: keeps what the engine knows of user and environment."""

    def __init__(
        self, plan: Plan, result: StageResult, state: State, lines: Lines, after: Step | None
    ) -> None:
        self._proxies = dict(plan.proxy_args)
        self._result = result
        self._state = state
        self._lines = lines
        # Unknown until said: the engine's copy of the base may have a reduced configuration.
        self._user: str | None = None
        self._environment: dict[str, str] = {}
        # The RUN of another stage that must have ended before the first one here starts.
        self._after = after if state.options.ordered else None

    def run(self) -> None:
        stage = self._result.stage
        before, self._lines = self._lines, Lines()
        self._lines.add(f"FROM {self._base()} AS s{stage.index}", stage.origin)
        for step in self._result.steps:
            self._step(step)
            for helper in self._state.helpers:
                for line in helper:
                    before.add(line, step.instruction)
            self._state.helpers.clear()
        before.extend(self._lines)

    def _base(self) -> str:
        base = self._result.stage.base
        match base:
            case Scratch():
                return "scratch"
            case External():
                return self._state.base_image(base)
            case StageBase():
                return self._state.from_name(base, Place(""), "FROM")

    def _step(self, step: Step) -> None:
        match step.keyword:
            case "COPY" | "ADD":
                for line in lower_copy(step, self._state):
                    self._lines.add(line, step.instruction)
            case "WORKDIR":
                # The engine makes the directory, owned by the user in force, as docker does.
                self._as_user(step)
                self._lines.add(f"WORKDIR {word(step.words[0], step.where)}", step.instruction)
                # Else it would make it anew after every step that follows.
                self._lines.add("WORKDIR /", step.instruction)
            case "RUN":
                self._run(step)
            case _:
                # USER and ENV are said when a RUN or WORKDIR needs them; the rest is configuration.
                return

    def _run(self, step: Step) -> None:
        if step.command is None:
            raise InternalError(f"{step.where}: RUN was not evaluated")
        network, security = self._modes(step)
        mounts = Mounts(step, self._state)
        for mount in step.mounts:
            mounts.add(mount)
        if step.command.script is not None:
            mounts.script(step.command.script)
        environment = {**self._proxies, **step.args, **step.env}
        agents = [mount.target for mount in mounts.mounts if mount.kind == "ssh"]
        if agents:
            environment.setdefault("SSH_AUTH_SOCK", agents[0])
        self._as_user(step)
        identity = step_id(step)
        flags = mounts.flags()
        after, self._after = self._after, None
        if after is not None and self._state.options.environment_in_dockerfile:
            flags.append(f"--mount=type=bind,from=s{after.stage},target={_WAITED_FOR},ro")
        command = " ".join(["RUN", *flags, json_command(step.command.arguments)])
        if self._state.options.environment_in_dockerfile:
            own = {k: v for k, v in environment.items() if self._proxies.get(k) != v}
            self._set_environment({**self._state.options.set_if_absent, **own}, step)
            directory = f"WORKDIR {word(step.working_dir, step.where)}"
            lines = [directory, command, "WORKDIR /"]
        else:
            lines = [f"ENV {STEP_VARIABLE}={identity}", command]
        for line in lines:
            self._lines.add(line, step.instruction)
        self._state.steps[identity] = RunStep(
            id=identity,
            args=step.command.arguments,
            environment=tuple(environment.items()),
            cwd=step.working_dir,
            user=step.user,
            network=network,
            security=security,
            mounts=tuple(mounts.mounts),
            instruction=step.instruction,
            place=step.where,
            after=step_id(after) if after is not None else "",
        )

    def _modes(self, step: Step) -> tuple[str, str]:
        if step.values("device"):
            raise MachineError(
                "RUN --device is not supported: an image that needs a device to build cannot be "
                "built the same everywhere",
                where=step.where,
                fix="remove the flag",
            )
        network = step.value("network") or "default"
        security = step.value("security") or "sandbox"
        if self._state.options.environment_in_dockerfile and (
            network == "none" or security == "insecure"
        ):
            flag = "--network=none" if network == "none" else "--security=insecure"
            raise MachineError(
                f"RUN {flag} needs the runtime shim, which a builder of someone else does not run",
                where=step.where,
                fix="use --engine buildah or buildkit",
            )
        return network, security

    def _as_user(self, step: Step) -> None:
        if self._state.options.root_unsaid and not step.user and self._user is None:
            return
        user = step.user or "0"
        if self._state.options.groups_by_shim and user.isascii() and user.isdigit():
            user += ":0"
        if user != self._user:
            self._lines.add(f"USER {word(user, step.where)}", step.instruction)
            self._user = user

    def _set_environment(self, environment: dict[str, str], step: Step) -> None:
        for key, value in environment.items():
            if not _NAME.match(key):
                raise MachineError(
                    f"the engine cannot take a variable named {key!r}",
                    where=step.where,
                    fix="install runc, which lets samebit pass it another way, or rename it",
                )
            if self._environment.get(key) != value:
                self._lines.add(f"ENV {key}={word(value, step.where)}", step.instruction)
        self._environment.update(environment)
