"""From a Dockerfile to the stages that a target needs, and the images that those stand on.

`plan` is a pure function of the Dockerfile, the parameters and the configs of the base images known
so far. A base image may carry ONBUILD triggers, which may need further images, so the caller asks
again: plan, resolve `unresolved`, plan with what was found, until nothing is unresolved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from samebit.dockerfile import scope
from samebit.dockerfile.config import ImageConfig
from samebit.dockerfile.expand import expand
from samebit.dockerfile.grammar import nearest
from samebit.dockerfile.mounts import parse_mount
from samebit.dockerfile.parser import parse_trigger
from samebit.dockerfile.syntax import Dockerfile, Flag, Instruction
from samebit.errors import DockerfileError, Place, UsageError
from samebit.model.finding import Finding
from samebit.model.platform import Platform

_OFFICIAL_SYNTAX = re.compile(r"([^/]+/)?docker/dockerfile(-upstream)?([:@ ].*)?\Z")


@dataclass(frozen=True, slots=True)
class StageBase:
    """Another stage of the same Dockerfile, by its number."""

    index: int


@dataclass(frozen=True, slots=True)
class Scratch:
    """The empty image."""


@dataclass(frozen=True, slots=True)
class External:
    """An image from outside, by the reference as written (expanded), or a named build context."""

    reference: str
    platform: Platform


Base = StageBase | Scratch | External


@dataclass(frozen=True, slots=True)
class Stage:
    """One build stage. `name` is lower case.

    `instructions` are those after the FROM, in the order they run: the base's ONBUILD triggers
    first (`triggers` of them). Their `stage` and `ordinal` are numbered for this plan, the FROM
    (`origin`) being ordinal 0.
    """

    index: int
    name: str | None
    base: Base
    platform: Platform
    origin: Instruction
    instructions: tuple[Instruction, ...]
    triggers: int = 0

    def __str__(self) -> str:
        return f"{self.name!r}" if self.name else f"number {self.index}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be built.

    `stages` are all of the Dockerfile's, `needed` the indices of those that the target stands on or
    copies from, in build order, the target last. `images` are all outside images that they need (in
    order of use), `unresolved` the base images whose config was not given yet. `global_args` are
    the values visible to FROM lines. `used_args` are the build args that a declaration took up (the
    lock records them), `proxy_args` those that RUN gets undeclared and that are never recorded.
    """

    dockerfile: Dockerfile
    stages: tuple[Stage, ...]
    target: int
    needed: tuple[int, ...]
    images: tuple[External, ...]
    unresolved: tuple[External, ...]
    platform: Platform
    global_args: Mapping[str, str]
    build_args: Mapping[str, str]
    used_args: Mapping[str, str]
    proxy_args: Mapping[str, str]
    epoch: int | None
    findings: tuple[Finding, ...] = field(default=())

    def source(self, stage: int, name: str) -> Base:
        """Resolve `--from=name`, or a mount's `from=name`, inside the stage with that number."""
        return _source(self.stages, self.stages[stage], name, self.platform)


def plan(
    dockerfile: Dockerfile,
    *,
    platform: Platform,
    build_platform: Platform | None = None,
    build_args: Mapping[str, str] | None = None,
    target: str | None = None,
    epoch: int | None = None,
    bases: Mapping[External, ImageConfig] | None = None,
) -> Plan:
    """Find the stages to build.

    `platform` is the target's, `build_platform` the machine's (the same by default); `target` is a
    stage's name or number, the last stage by default; `epoch` is the value of an
    `ARG SOURCE_DATE_EPOCH` that has none; `bases` are the configs of base images known so far.
    Raises DockerfileError for a FROM that cannot be expanded, an unknown target or stage, a
    reference to a stage that comes later, and a trigger that cannot be parsed.
    """
    given = dict(build_args or {})
    known = dict(bases or {})
    proxies = {key: value for key, value in given.items() if scope.is_proxy(key)}
    parts = _split(dockerfile)
    predefined = scope.predefined(
        platform, build_platform or platform, target or _name(parts[-1][0]) or "default"
    )
    global_args = scope.global_args(dockerfile, predefined, given, epoch)
    inputs = _Given(dockerfile, platform, global_args, known)
    stages: list[Stage] = []
    for origin, body in parts:
        stages.append(_stage(inputs, stages, origin, body))
    wanted = _target(dockerfile, stages, target)
    needed, images = _reach(dockerfile, stages, wanted, platform)
    unresolved = [
        stage.base
        for stage in (stages[index] for index in needed)
        if isinstance(stage.base, External) and stage.base not in known
    ]
    live = [stages[index] for index in needed]
    used = scope.declared(dockerfile, live) | set(predefined)
    return Plan(
        dockerfile=dockerfile,
        stages=tuple(stages),
        target=wanted,
        needed=needed,
        images=images,
        unresolved=tuple(dict.fromkeys(unresolved)),
        platform=platform,
        global_args=global_args,
        build_args=given,
        used_args={
            key: value for key, value in sorted(given.items()) if key in used and key not in proxies
        },
        proxy_args=proxies,
        epoch=epoch,
        findings=tuple(_findings(dockerfile, stages, given, predefined)),
    )


def _split(dockerfile: Dockerfile) -> list[tuple[Instruction, list[Instruction]]]:
    parts: list[tuple[Instruction, list[Instruction]]] = []
    for instruction in dockerfile.instructions:
        if instruction.keyword == "FROM":
            parts.append((instruction, []))
        elif parts:
            parts[-1][1].append(instruction)
    return parts


def _name(origin: Instruction) -> str | None:
    return origin.words[2].lower() if len(origin.words) == 3 else None


@dataclass(frozen=True, slots=True)
class _Given:
    dockerfile: Dockerfile
    platform: Platform
    global_args: Mapping[str, str]
    bases: Mapping[External, ImageConfig]


def _stage(
    given: _Given, before: list[Stage], origin: Instruction, body: list[Instruction]
) -> Stage:
    dockerfile, global_args, platform = given.dockerfile, given.global_args, given.platform
    where = dockerfile.place(origin.span)
    reference = expand(origin.words[0], global_args, escape=dockerfile.escape, where=where)
    if not reference:
        raise DockerfileError(
            f"FROM {origin.words[0]}: the image name is empty",
            where=where,
            fix="declare the variable with ARG before the first FROM, or give it a default",
        )
    own = _platform(dockerfile, origin, global_args)
    parent = next((s for s in reversed(before) if s.name == reference.lower()), None)
    base: Base
    triggers: list[Instruction] = []
    if parent:
        base, platform = StageBase(parent.index), parent.platform
        triggers = [i.trigger for i in parent.instructions if i.trigger]
    elif reference == "scratch":
        base = Scratch()
    else:
        platform = own or platform
        base = External(reference, platform)
        if base in given.bases:
            texts = given.bases[base].on_build
            triggers = [parse_trigger(text, where, origin.span) for text in texts]
    index = len(before)
    instructions = tuple(
        replace(instruction, stage=index, ordinal=ordinal)
        for ordinal, instruction in enumerate([*triggers, *body], 1)
    )
    return Stage(index, _name(origin), base, platform, origin, instructions, len(triggers))


def _platform(
    dockerfile: Dockerfile, origin: Instruction, global_args: Mapping[str, str]
) -> Platform | None:
    flag = origin.flag("platform")
    if flag is None or flag.value is None:
        return None
    where = dockerfile.place(flag.span)
    text = expand(flag.value, global_args, escape=dockerfile.escape, where=where)
    try:
        return Platform.parse(text)
    except UsageError as error:
        raise DockerfileError(
            f"FROM: --platform={flag.value}: {error.what}", where=where, fix=error.fix
        ) from None


def _target(dockerfile: Dockerfile, stages: list[Stage], target: str | None) -> int:
    if not target:
        return len(stages) - 1
    for stage in reversed(stages):
        if stage.name == target.lower():
            return stage.index
    if re.fullmatch(r"[0-9]{1,6}", target) and int(target) < len(stages):
        return int(target)
    names = [stage.name for stage in stages if stage.name]
    near = nearest(target.lower(), names)
    raise DockerfileError(
        f"no stage {target!r}" + (f", did you mean {near!r}?" if near else ""),
        where=dockerfile.place(stages[0].origin.span),
        fix=f"stages: {', '.join(str(s.name or s.index) for s in stages)}",
    )


def sources(instruction: Instruction) -> list[tuple[Flag, str]]:
    """Give the names that COPY --from and RUN --mount refer to, each with its flag."""
    found: list[tuple[Flag, str]] = []
    if instruction.keyword == "COPY":
        flag = instruction.flag("from")
        if flag and flag.value:
            found.append((flag, flag.value))
    if instruction.keyword == "RUN":
        for flag in instruction.flags:
            if flag.name == "mount":
                name = parse_mount(flag.value or "").source_of
                if name:
                    found.append((flag, name))
    return found


def _reach(
    dockerfile: Dockerfile, stages: list[Stage], target: int, platform: Platform
) -> tuple[tuple[int, ...], tuple[External, ...]]:
    """Find the needed stages and images; every reference goes backwards, so order is by number."""
    pending, reached = [target], {target}
    images: dict[int, list[External]] = {}
    while pending:
        stage = stages[pending.pop()]
        found: list[Base] = [stage.base]
        for instruction in stage.instructions:
            for flag, name in sources(instruction):
                _no_variables(dockerfile, instruction, flag, name)
                try:
                    found.append(_source(tuple(stages), stage, name, platform))
                except DockerfileError as error:
                    raise DockerfileError(
                        f"{instruction.keyword}: {error.what}",
                        where=dockerfile.place(flag.span),
                        fix=error.fix,
                    ) from None
        images[stage.index] = [base for base in found if isinstance(base, External)]
        fresh = {base.index for base in found if isinstance(base, StageBase)} - reached
        reached |= fresh
        pending += fresh
    order = tuple(sorted(reached))
    used = dict.fromkeys(image for index in order for image in images[index])
    return order, tuple(used)


def _no_variables(dockerfile: Dockerfile, instruction: Instruction, flag: Flag, name: str) -> None:
    where = dockerfile.place(flag.span)
    if expand(name, {}, escape=dockerfile.escape, where=where) != name:
        raise DockerfileError(
            f"{instruction.keyword}: from={name}: no variables are allowed here",
            where=where,
            fix="give the image a stage of its own with FROM, which may use a global ARG",
        )


def _source(stages: tuple[Stage, ...], stage: Stage, name: str, platform: Platform) -> Base:
    named = [other for other in stages if other.name == name.lower()]
    if re.fullmatch(r"\+?[0-9]{1,6}", name) and not named:
        if int(name) >= len(stages):
            raise DockerfileError(
                f"no stage number {int(name)}: the last one is {len(stages) - 1}",
                fix="stages are numbered from 0",
            )
        named = [stages[int(name)]]
    earlier = [other for other in named if other.index < stage.index]
    if earlier:
        return StageBase(earlier[-1].index)
    if named:
        raise DockerfileError(
            f"stage {name!r} must be defined before it is used",
            fix="a stage can only copy from stages above it, not from itself",
        )
    return Scratch() if name == "scratch" else External(name, platform)


def _findings(
    dockerfile: Dockerfile,
    stages: list[Stage],
    given: Mapping[str, str],
    automatic: Mapping[str, str],
) -> list[Finding]:
    found: list[Finding] = []
    if dockerfile.syntax and not _OFFICIAL_SYNTAX.match(dockerfile.syntax):
        found.append(
            Finding(
                "foreign-syntax",
                f"the syntax directive names {dockerfile.syntax}; "
                "the file is read as an ordinary Dockerfile",
                where=Place(dockerfile.path, 1),
                fix="remove the directive if the file needs no front end of its own",
            )
        )
    names: dict[str, Stage] = {}
    for stage in stages:
        if stage.name in names:
            found.append(
                Finding(
                    "duplicate-stage-name",
                    f"stage name {stage.name!r} is used twice; the later one hides the earlier",
                    where=dockerfile.place(stage.origin.span),
                    fix="give every stage a name of its own",
                )
            )
        if stage.name:
            names[stage.name] = stage
    known = scope.declared(dockerfile, stages)
    for name in sorted(given):
        if name in known or name in automatic or scope.is_proxy(name):
            continue
        near = nearest(name, known)
        found.append(
            Finding(
                "unused-build-arg",
                f"build arg {name} is not used: no ARG declares it",
                where=Place(dockerfile.path),
                fix=f"did you mean {near}?" if near else f"declare it with ARG {name}",
            )
        )
    return found
