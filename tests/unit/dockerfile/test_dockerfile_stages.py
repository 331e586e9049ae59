"""Which stages and images a target needs, and which build args count."""

from __future__ import annotations

import pytest

from samebit.dockerfile.config import ImageConfig
from samebit.dockerfile.parser import parse
from samebit.dockerfile.stages import External, Plan, Scratch, StageBase, plan
from samebit.errors import DockerfileError
from samebit.model.platform import Platform

AMD = Platform("linux", "amd64")
ARM = Platform("linux", "arm", "v7")


def planned(text: str, **options: object) -> Plan:
    options.setdefault("platform", AMD)
    return plan(parse(text, "Dockerfile"), **options)  # type: ignore[arg-type] # keyword by keyword


def refused(text: str, **options: object) -> DockerfileError:
    with pytest.raises(DockerfileError) as caught:
        planned(text, **options)
    return caught.value


MULTI = """\
ARG TAG=12
FROM debian:$TAG AS Base
FROM base AS build
RUN make
FROM golang AS unused
FROM scratch
COPY --from=build /a /a
COPY --from=busybox:1 /b /b
RUN --mount=type=bind,from=0,target=/x --mount=type=bind,from=alpine,target=/y true
"""


def test_stages_bases_and_order() -> None:
    found = planned(MULTI)
    assert [stage.name for stage in found.stages] == ["base", "build", "unused", None]
    assert [stage.base for stage in found.stages] == [
        External("debian:12", AMD),
        StageBase(0),
        External("golang", AMD),
        Scratch(),
    ]
    assert found.needed == (0, 1, 3)
    assert found.images == (
        External("debian:12", AMD),
        External("busybox:1", AMD),
        External("alpine", AMD),
    )
    assert found.unresolved == (External("debian:12", AMD),)
    assert found.source(3, "BUILD") == StageBase(1)
    assert found.source(3, "1") == StageBase(1)


@pytest.mark.parametrize(
    ("target", "index", "needed"),
    [("BUILD", 1, (0, 1)), ("2", 2, (2,)), (None, 3, (0, 1, 3)), ("base", 0, (0,))],
)
def test_target(target: str | None, index: int, needed: tuple[int, ...]) -> None:
    found = planned(MULTI, target=target)
    assert (found.target, found.needed) == (index, needed)


def test_unknown_target_lists_the_stages() -> None:
    error = refused(MULTI, target="biuld")
    assert "no stage 'biuld', did you mean 'build'?" in error.what
    assert error.fix == "stages: base, build, unused, 3"
    assert "no stage '4'" in refused(MULTI, target="4").what


@pytest.mark.parametrize(
    ("text", "fragment", "line", "column"),
    [
        ("FROM a\nCOPY --from=later /a /a\nFROM b AS later\n", "before it is used", 2, 6),
        ("FROM a AS me\nCOPY --from=me /a /a\n", "before it is used", 2, 6),
        ("FROM a\nCOPY --from=0 /a /a\n", "before it is used", 2, 6),
        ("FROM a\nCOPY --from=7 /a /a\n", "no stage number 7: the last one is 0", 2, 6),
        ("FROM a\nCOPY --from=$X /a /a\n", "no variables", 2, 6),
        (
            "FROM a\nRUN --mount=from=later,target=/x true\nFROM b AS later\n",
            "before it is used",
            2,
            5,
        ),
        ("FROM $X\n", "FROM $X: the image name is empty", 1, 1),
        ("FROM ${X:?unset}\n", "X: unset", 1, 1),
        ("FROM a\nFROM --platform=a/b/c/d a\n", "not a platform", 2, 6),
        ("ARG A=${\nFROM a\n", "cannot expand", 1, 1),
    ],
)
def test_error(text: str, fragment: str, line: int, column: int) -> None:
    error = refused(text, target="0")
    assert fragment in error.what
    assert error.where is not None
    assert (error.where.line, error.where.column) == (line, column)


def test_a_later_stage_of_the_same_name_hides_the_earlier() -> None:
    found = planned("FROM a AS x\nFROM b AS x\nFROM x\n")
    assert found.stages[2].base == StageBase(1)
    assert [finding.code for finding in found.findings] == ["duplicate-stage-name"]


def test_a_stage_may_be_called_scratch() -> None:
    assert planned("FROM a AS scratch\nFROM scratch\n").stages[1].base == StageBase(0)


def test_platforms() -> None:
    text = (
        "FROM --platform=$BUILDPLATFORM a AS tool\n"
        "FROM --platform=linux/s390x b\n"
        "FROM tool\n"
        "FROM c-$TARGETARCH$TARGETVARIANT-$BUILDARCH-$TARGETSTAGE AS last\n"
    )
    found = planned(text, platform=ARM, build_platform=AMD)
    assert [stage.platform for stage in found.stages] == [
        AMD,
        Platform("linux", "s390x"),
        AMD,
        ARM,
    ]
    assert found.stages[3].base == External("c-armv7-amd64-last", ARM)


def test_automatic_arguments_can_be_overridden() -> None:
    found = planned("FROM a-$TARGETARCH\n", build_args={"TARGETARCH": "x"})
    assert found.stages[0].base == External("a-x", AMD)
    assert found.used_args == {"TARGETARCH": "x"}


def test_global_arguments() -> None:
    text = (
        'ARG A=1 B="$A.2"\nARG C\nARG SOURCE_DATE_EPOCH\nFROM i:$B${C:-none}-$SOURCE_DATE_EPOCH\n'
    )
    assert planned(text, epoch=7).stages[0].base == External("i:1.2none-7", AMD)
    given = planned(text, epoch=7, build_args={"A": "x", "C": "c", "SOURCE_DATE_EPOCH": "9"})
    assert given.stages[0].base == External("i:x.2c-9", AMD)
    # An ARG inside a stage is invisible to the next FROM.
    assert "empty" in refused("FROM a\nARG X=b\nFROM $X\n").what


def test_used_and_unused_build_args() -> None:
    text = "ARG A\nFROM a AS one\nARG B\nFROM b AS two\nARG COLOR\n"
    given = {"A": "1", "B": "2", "COLOR": "3", "COLUR": "4", "HTTPS_PROXY": "http://p.example.org"}
    found = planned(text, build_args=given, target="one")
    assert found.used_args == {"A": "1", "B": "2"}
    assert found.proxy_args == {"HTTPS_PROXY": "http://p.example.org"}
    assert [(f.code, f.fix) for f in found.findings] == [
        ("unused-build-arg", "did you mean COLOR?")
    ]
    assert "COLUR" in found.findings[0].what


def test_foreign_syntax_is_a_finding() -> None:
    assert not planned("# syntax=docker/dockerfile:1.9\nFROM a\n").findings
    assert not planned(
        "# syntax = mirror.example.org/docker/dockerfile-upstream:master\nFROM a\n"
    ).findings
    found = planned("# syntax=example.org/other\nFROM a\n")
    assert [f.code for f in found.findings] == ["foreign-syntax"]


def test_triggers_of_an_image_come_first_and_may_need_more_images() -> None:
    text = "FROM node AS app\nRUN own\n"
    first = planned(text)
    assert first.unresolved == (External("node", AMD),)
    triggers = ("COPY --from=tools /t /t", "RUN cat <<EOF\nhello\nEOF")
    bases = {External("node", AMD): ImageConfig(on_build=triggers)}
    found = planned(text, bases=bases)
    assert found.unresolved == ()
    assert found.images == (External("node", AMD), External("tools", AMD))
    stage = found.stages[0]
    assert stage.triggers == 2
    assert [(i.keyword, i.ordinal, i.span.line) for i in stage.instructions] == [
        ("COPY", 1, 1),
        ("RUN", 2, 1),
        ("RUN", 3, 2),
    ]
    assert stage.instructions[1].heredocs[0].content == "hello\n"


@pytest.mark.parametrize(
    ("trigger", "fragment"),
    [
        ("FROM x", "FROM is not allowed"),
        ("ONBUILD RUN x", "ONBUILD is not allowed"),
        ("NOPE x", "unknown instruction"),
        ("", "expected an instruction"),
        ("RUN a\nRUN b", "one instruction only"),
        ("COPY a", "destination"),
    ],
)
def test_broken_trigger(trigger: str, fragment: str) -> None:
    error = refused(
        "\nFROM node\n", bases={External("node", AMD): ImageConfig(on_build=(trigger,))}
    )
    assert fragment in error.what
    assert error.where is not None
    assert (error.where.line, error.where.column) == (2, 1)


def test_triggers_of_a_stage_run_in_its_children_only() -> None:
    text = "FROM a AS x\nONBUILD RUN one\nFROM x AS y\nRUN two\nFROM y\nRUN three\n"
    found = planned(text)
    kinds = [[i.arguments for i in stage.instructions] for stage in found.stages]
    assert kinds == [["RUN one"], ["one", "two"], ["three"]]
    assert [stage.triggers for stage in found.stages] == [0, 1, 0]
