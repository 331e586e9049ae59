"""The config evaluator: every instruction expanded, and the image config after it.

The semantics are docker build's (Dockerfile reference), with one choice where its documentation and
BuildKit differ: ENV always wins over an ARG of the same name, as the reference says.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from samebit.dockerfile import scope
from samebit.dockerfile.command import Command, command, rejoined
from samebit.dockerfile.config import (
    DEFAULT_PATH,
    DEFAULT_SHELL,
    ImageConfig,
    scratch,
)
from samebit.dockerfile.expand import expand, expand_text, expand_words
from samebit.dockerfile.healthcheck import healthcheck
from samebit.dockerfile.heredoc import marker
from samebit.dockerfile.mounts import Mount, MountError, parse_mount
from samebit.dockerfile.ports import PortError, exposed
from samebit.dockerfile.signals import is_signal
from samebit.dockerfile.stages import Base, External, Plan, Stage, StageBase
from samebit.dockerfile.syntax import Flag, Heredoc, Instruction
from samebit.errors import DockerfileError, InternalError, Place
from samebit.model.finding import Finding
from samebit.model.platform import Platform

_EXPANDED_FLAGS = frozenset({"chown", "chmod", "checksum"})
# Far beyond what a program can be given (execve(2), "Limits on size of arguments").
_MAX_VARIABLES = 10_000
# Every port of three protocols.
_MAX_PORTS = 3 << 16


@dataclass(frozen=True, slots=True)
class MountStep:
    """A mount of a RUN, expanded; `base` is what its `from=` names, None for the build context."""

    mount: Mount
    base: Base | None


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction with everything expanded.

    `words` are the arguments: for COPY and ADD the sources that are paths, for EXPOSE the entries
    `port/protocol`, for VOLUME, WORKDIR (absolute), USER, STOPSIGNAL and MAINTAINER their values.
    `files` are the heredocs that COPY and ADD take as sources. `base` is what COPY --from names,
    None for the build context. `pairs` are those of ENV, LABEL and ARG (None: no value). `flags`
    have expanded values. `command` and `mounts` are those of RUN.

    `env` is the image's environment before the step, `args` the build arguments visible to it that
    no variable of `env` hides; RUN sees both. `user`, `working_dir` (absolute) and `shell` are
    those in force. `config` is the image config after the step.
    """

    stage: int
    instruction: Instruction
    where: Place
    env: Mapping[str, str]
    args: Mapping[str, str]
    user: str
    working_dir: str
    shell: tuple[str, ...]
    config: ImageConfig
    flags: tuple[Flag, ...] = ()
    words: tuple[str, ...] = ()
    files: tuple[Heredoc, ...] = ()
    destination: str = ""
    base: Base | None = None
    pairs: tuple[tuple[str, str | None], ...] = ()
    command: Command | None = None
    mounts: tuple[MountStep, ...] = ()

    @property
    def keyword(self) -> str:
        """The instruction's keyword, upper case."""
        return self.instruction.keyword

    def value(self, name: str) -> str | None:
        """Return the value of a flag, or None when it was not given."""
        return next((f.value for f in reversed(self.flags) if f.name == name), None)

    def values(self, name: str) -> tuple[str, ...]:
        """Return all values of a repeatable flag, in order."""
        return tuple(f.value or "" for f in self.flags if f.name == name)

    def switch(self, name: str) -> bool | None:
        """Whether a switch is on; None when it was not given."""
        flag = next((f for f in reversed(self.flags) if f.name == name), None)
        return None if flag is None else (flag.value or "true").lower() == "true"


@dataclass(frozen=True, slots=True)
class StageResult:
    """A needed stage: the config it starts from, its steps, and the config it ends with."""

    stage: Stage
    initial: ImageConfig
    steps: tuple[Step, ...]
    config: ImageConfig
    args: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All needed stages by number, in build order, and the config of the image itself."""

    stages: Mapping[int, StageResult]
    target: int
    config: ImageConfig
    findings: tuple[Finding, ...]

    def chain(self) -> tuple[StageResult, ...]:
        """Give the stages the target consists of, from the one on an outside base to itself."""
        chain = [self.stages[self.target]]
        while isinstance(base := chain[-1].stage.base, StageBase):
            chain.append(self.stages[base.index])
        return tuple(reversed(chain))


def evaluate(
    plan: Plan,
    bases: Mapping[External, ImageConfig],
    *,
    labels: Mapping[str, str] | None = None,
    platform: Platform | None = None,
) -> Evaluation:
    """Evaluate all needed stages of `plan`.

    `bases` must hold every base image of them (`plan.unresolved` is empty). `labels` are those of
    the command line; `platform` is what the user asked for explicitly, None when nothing was asked:
    then the image says its base's platform. Raises DockerfileError at the instruction for anything
    that cannot be expanded or is not valid after expansion.
    """
    results: dict[int, StageResult] = {}
    findings: list[Finding] = []
    for index in plan.needed:
        stage = plan.stages[index]
        run = _StageRun(plan, stage, *_start(plan, stage, bases, results))
        initial = run.config
        steps = tuple(run.step(instruction) for instruction in stage.instructions)
        results[index] = StageResult(stage, initial, steps, run.config, MappingProxyType(run.args))
        findings += run.findings
    config = results[plan.target].config.with_labels((labels or {}).items())
    if platform is not None:
        config = config.with_platform(platform)
    return Evaluation(MappingProxyType(results), plan.target, config, tuple(findings))


def _start(
    plan: Plan,
    stage: Stage,
    bases: Mapping[External, ImageConfig],
    results: Mapping[int, StageResult],
) -> tuple[ImageConfig, dict[str, str]]:
    """Give the config and the arguments that a stage inherits (Dockerfile reference, "FROM")."""
    args: dict[str, str] = {}
    if isinstance(stage.base, StageBase):
        parent = results[stage.base.index]
        config, args = parent.config, dict(parent.args)
    elif isinstance(stage.base, External):
        if stage.base not in bases:
            raise InternalError(f"evaluating without the config of {stage.base.reference}")
        config = bases[stage.base]
        if not config.os or not config.architecture:
            config = config.with_platform(stage.base.platform)
    else:
        config = scratch(plan.platform)
    if "PATH" not in config.environment():
        config = replace(config, env=(*config.env, DEFAULT_PATH))
    if config.working_dir:
        config = replace(config, working_dir=_absolute("/", config.working_dir))
    # Triggers are part of this stage now; they never reach a grandchild.
    return replace(config, on_build=()), args


def _absolute(current: str, path: str) -> str:
    # normpath keeps two leading slashes, which POSIX lets mean something else.
    return "/" + posixpath.normpath(posixpath.join(current or "/", path)).lstrip("/")


@dataclass(slots=True)
class _StageRun:
    """The state while one stage is evaluated."""

    plan: Plan
    stage: Stage
    config: ImageConfig
    args: dict[str, str]
    cmd_given: bool = False
    ports: int = 0
    findings: list[Finding] = field(default_factory=list)
    where: Place = field(init=False)

    def __post_init__(self) -> None:
        self.where = self.plan.dockerfile.place(self.stage.origin.span)

    def step(self, instruction: Instruction) -> Step:
        self.where = self.plan.dockerfile.place(instruction.span)
        before = self.config
        env = before.environment()
        empty = Step(
            stage=self.stage.index,
            instruction=instruction,
            where=self.where,
            env=MappingProxyType(env),
            args=MappingProxyType({k: v for k, v in self.args.items() if k not in env}),
            user=before.user,
            working_dir=before.working_dir or "/",
            shell=before.shell or DEFAULT_SHELL,
            config=before,
            flags=tuple(self._flag(flag) for flag in instruction.flags),
        )
        step = _HANDLERS[instruction.keyword](self, empty)
        return replace(step, config=self.config)

    def _visible(self) -> dict[str, str]:
        return {**self.args, **self.config.environment()}

    def _expand(self, word: str) -> str:
        escape = self.plan.dockerfile.escape
        return expand(word, self._visible(), escape=escape, where=self.where)

    def _flag(self, flag: Flag) -> Flag:
        if flag.name in _EXPANDED_FLAGS and flag.value is not None:
            return replace(flag, value=self._expand(flag.value))
        return flag

    def _error(self, what: str, fix: str | None = None) -> DockerfileError:
        return DockerfileError(what, where=self.where, fix=fix)

    def _expanded_pairs(self, instruction: Instruction) -> tuple[tuple[str, str], ...]:
        # All of them see the environment from before the instruction.
        return tuple(
            (self._expand(key), self._expand(value or "")) for key, value in instruction.pairs
        )

    def env(self, step: Step) -> Step:
        pairs = self._expanded_pairs(step.instruction)
        self.config = self.config.with_env(pairs)
        if len(self.config.env) > _MAX_VARIABLES:
            raise self._error(f"ENV: more than {_MAX_VARIABLES} variables")
        return replace(step, pairs=pairs)

    def label(self, step: Step) -> Step:
        pairs = self._expanded_pairs(step.instruction)
        self.config = self.config.with_labels(pairs)
        return replace(step, pairs=pairs)

    def arg(self, step: Step) -> Step:
        plan = self.plan
        pairs: list[tuple[str, str | None]] = []
        for key, default in step.instruction.pairs:
            wanted = default is not None and key not in plan.build_args
            expanded = self._expand(default) if wanted and default is not None else None
            value = scope.stage_arg(key, expanded, plan.build_args, plan.global_args, plan.epoch)
            if value is not None:
                self.args[key] = value
                if step.env.get(key, value) != value:
                    self.findings.append(
                        Finding(
                            "arg-hidden-by-env",
                            f"ARG {key} has no effect: ENV {key} of the stage or its base wins",
                            where=self.where,
                            fix="use another name for one of the two",
                        )
                    )
            pairs.append((key, value))
        return replace(step, pairs=tuple(pairs))

    def copy(self, step: Step) -> Step:
        instruction = step.instruction
        *sources, destination = instruction.words
        docs = {doc.name: doc for doc in instruction.heredocs}
        paths: list[str] = []
        files: list[Heredoc] = []
        for source in sources:
            mark = marker(source) if instruction.exec_form is None else None
            if mark is None:
                paths.append(self._expand(source))
                continue
            doc = docs[mark.name]
            if doc.expand:
                body = expand_text(doc.content, self._visible(), where=self.where)
                doc = replace(doc, content=body)
            files.append(doc)
        base: Base | None = None
        if instruction.keyword == "COPY" and (name := step.value("from")):
            base = self.plan.source(self.stage.index, name)
        return replace(
            step,
            words=tuple(paths),
            files=tuple(files),
            destination=self._expand(destination),
            base=base,
        )

    def run(self, step: Step) -> Step:
        mounts: list[MountStep] = []
        for flag in step.flags:
            if flag.name != "mount":
                continue
            try:
                mount = parse_mount(flag.value or "", self._expand)
            except MountError as error:
                shown = (flag.value or "")[:200]
                raise self._error(f"RUN: --mount={shown}: {error}") from None
            base: Base | None = None
            if mount.source_of:
                base = self.plan.source(self.stage.index, mount.source_of)
            mounts.append(MountStep(mount, base))
        return replace(step, command=command(step.instruction, step.shell), mounts=tuple(mounts))

    def _vector(self, step: Step) -> tuple[str, ...]:
        instruction = step.instruction
        if instruction.exec_form is not None:
            return instruction.exec_form
        return (*step.shell, instruction.arguments)

    def cmd(self, step: Step) -> Step:
        self.config = replace(self.config, cmd=self._vector(step))
        self.cmd_given = True
        return step

    def entrypoint(self, step: Step) -> Step:
        # A CMD of the base was meant for the base's entry point.
        cmd = self.config.cmd if self.cmd_given else None
        self.config = replace(self.config, entrypoint=self._vector(step), cmd=cmd)
        return step

    def expose(self, step: Step) -> Step:
        escape = self.plan.dockerfile.escape
        ports: list[str] = []
        for word in step.instruction.words:
            for part in expand_words(word, self._visible(), escape=escape, where=self.where):
                try:
                    ports += exposed(part)
                except PortError as error:
                    raise self._error(f"EXPOSE: {error}") from None
        self.ports += len(ports)
        if self.ports > _MAX_PORTS:
            raise self._error("EXPOSE: more ports than there are")
        every = {*self.config.exposed_ports, *ports}
        self.config = replace(self.config, exposed_ports=tuple(sorted(every)))
        return replace(step, words=tuple(ports))

    def volume(self, step: Step) -> Step:
        words = tuple(self._expand(word) for word in step.instruction.words)
        if not all(words):
            raise self._error("VOLUME: expected a path, found an empty string after expansion")
        every = {*self.config.volumes, *words}
        volumes = tuple(sorted(every, key=str.encode))
        self.config = replace(self.config, volumes=volumes)
        return replace(step, words=words)

    def workdir(self, step: Step) -> Step:
        path = _absolute(self.config.working_dir, self._expand(step.instruction.words[0]))
        self.config = replace(self.config, working_dir=path)
        return replace(step, words=(path,))

    def user(self, step: Step) -> Step:
        user = self._expand(step.instruction.words[0])
        self.config = replace(self.config, user=user)
        return replace(step, words=(user,))

    def stop_signal(self, step: Step) -> Step:
        signal = self._expand(step.instruction.words[0])
        if not is_signal(signal):
            raise self._error(
                f"STOPSIGNAL: {signal!r} is no signal", "write a name or a number, e.g. SIGTERM"
            )
        self.config = replace(self.config, stop_signal=signal)
        return replace(step, words=(signal,))

    def shell(self, step: Step) -> Step:
        self.config = replace(self.config, shell=step.instruction.exec_form or ())
        return step

    def health(self, step: Step) -> Step:
        self.config = replace(self.config, healthcheck=healthcheck(step.instruction))
        return step

    def maintainer(self, step: Step) -> Step:
        self.config = replace(self.config, author=step.instruction.arguments)
        return replace(step, words=step.instruction.words)

    def on_build(self, step: Step) -> Step:
        text = rejoined(step.instruction.arguments, step.instruction.heredocs)
        self.config = replace(self.config, on_build=(*self.config.on_build, text))
        return step


_HANDLERS = {
    "ADD": _StageRun.copy,
    "ARG": _StageRun.arg,
    "CMD": _StageRun.cmd,
    "COPY": _StageRun.copy,
    "ENTRYPOINT": _StageRun.entrypoint,
    "ENV": _StageRun.env,
    "EXPOSE": _StageRun.expose,
    "HEALTHCHECK": _StageRun.health,
    "LABEL": _StageRun.label,
    "MAINTAINER": _StageRun.maintainer,
    "ONBUILD": _StageRun.on_build,
    "RUN": _StageRun.run,
    "SHELL": _StageRun.shell,
    "STOPSIGNAL": _StageRun.stop_signal,
    "USER": _StageRun.user,
    "VOLUME": _StageRun.volume,
    "WORKDIR": _StageRun.workdir,
}
