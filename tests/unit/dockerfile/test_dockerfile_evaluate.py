"""The image config and every expanded step, against what the Dockerfile reference says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from samebit.dockerfile.config import DEFAULT_PATH, ImageConfig, config_object, read_config
from samebit.dockerfile.evaluate import Evaluation, Step, evaluate
from samebit.dockerfile.healthcheck import Healthcheck
from samebit.dockerfile.parser import parse
from samebit.dockerfile.stages import External, StageBase, plan
from samebit.errors import DockerfileError, InputError
from samebit.model.platform import Platform

AMD = Platform("linux", "amd64")
BASE = ImageConfig(
    env=("PATH=/bin", "LANG=C"),
    entrypoint=("/entry",),
    cmd=("run",),
    user="base",
    working_dir="/base/",
    exposed_ports=("80/tcp",),
    labels=(("from", "base"),),
    os="linux",
    architecture="amd64",
)


def evaluated(
    body: str,
    *,
    base: ImageConfig | None = None,
    build_args: Mapping[str, str] | None = None,
    epoch: int | None = None,
    **options: Any,
) -> Evaluation:
    text = body if re.search("^FROM ", body, re.MULTILINE) else "FROM scratch\n" + body
    bases = {External("base", AMD): base or BASE}
    found = plan(
        parse(text, "Dockerfile"), platform=AMD, build_args=build_args, epoch=epoch, bases=bases
    )
    return evaluate(found, bases, **options)


def last(body: str, **options: Any) -> Step:
    result = evaluated(body, **options)
    return result.stages[result.target].steps[-1]


def config(body: str, **options: Any) -> dict[str, Any]:
    return config_object(evaluated(body, **options).config)


def test_scratch() -> None:
    assert config("FROM scratch\n") == {"Env": [DEFAULT_PATH], "WorkingDir": "/"}
    assert evaluated("FROM scratch\n").config.architecture == "amd64"


def test_everything_is_inherited() -> None:
    assert config("FROM base\n") == {
        "User": "base",
        "ExposedPorts": {"80/tcp": {}},
        "Env": ["PATH=/bin", "LANG=C"],
        "Entrypoint": ["/entry"],
        "Cmd": ["run"],
        "WorkingDir": "/base",
        "Labels": {"from": "base"},
    }


def test_path_is_added_to_a_base_without_one() -> None:
    assert config("FROM base\n", base=ImageConfig(env=("A=1",)))["Env"] == ["A=1", DEFAULT_PATH]


TABLE: list[tuple[str, str, object]] = [
    ("ENV A=1 B=2", "Env", [DEFAULT_PATH, "A=1", "B=2"]),
    ("ENV A=1\nENV A=2 B=$A", "Env", [DEFAULT_PATH, "A=2", "B=1"]),
    ("ENV A=1\nENV A=2\nENV B=$A", "Env", [DEFAULT_PATH, "A=2", "B=2"]),
    ("ENV A old  form $PATH", "Env", [DEFAULT_PATH, f"A=old  form {DEFAULT_PATH[5:]}"]),
    ("ENV A=\"a b\" B='c d' C=e\\ f", "Env", [DEFAULT_PATH, "A=a b", "B=c d", "C=e f"]),
    ("ENV PATH=/x:$PATH", "Env", [f"PATH=/x:{DEFAULT_PATH[5:]}"]),
    ("ENV A=", "Env", [DEFAULT_PATH, "A="]),
    ("ARG K=name\nENV $K=v", "Env", [DEFAULT_PATH, "name=v"]),
    ('LABEL a=1 b="x y"\nLABEL a=2', "Labels", {"a": "2", "b": "x y"}),
    ("LABEL old form", "Labels", {"old": "form"}),
    ("WORKDIR /a", "WorkingDir", "/a"),
    ("WORKDIR /a\nWORKDIR b/../c/", "WorkingDir", "/a/c"),
    ("WORKDIR a", "WorkingDir", "/a"),
    ("WORKDIR //a///b", "WorkingDir", "/a/b"),
    ("WORKDIR ../../x", "WorkingDir", "/x"),
    ("WORKDIR /\n", "WorkingDir", "/"),
    ("ENV D=/d\nWORKDIR ${D}/e f", "WorkingDir", "/d/e f"),
    ("USER a\nUSER $U", "User", None),
    ("USER 1000:1000", "User", "1000:1000"),
    ("EXPOSE 80", "ExposedPorts", {"80/tcp": {}}),
    ("EXPOSE 53/UDP 80/tcp 80", "ExposedPorts", {"53/udp": {}, "80/tcp": {}}),
    ("EXPOSE 7-9/sctp", "ExposedPorts", {"7/sctp": {}, "8/sctp": {}, "9/sctp": {}}),
    ("ENV P='1 2/udp'\nEXPOSE $P 3", "ExposedPorts", {"1/tcp": {}, "2/udp": {}, "3/tcp": {}}),
    ("EXPOSE 127.0.0.1:8080:80", "ExposedPorts", {"80/tcp": {}}),
    ("EXPOSE [::1]:8080:80 1:2", "ExposedPorts", {"80/tcp": {}, "2/tcp": {}}),
    ("VOLUME /a /b", "Volumes", {"/a": {}, "/b": {}}),
    ('ENV V=/v\nVOLUME ["$V", "/w x"]', "Volumes", {"/v": {}, "/w x": {}}),
    ("STOPSIGNAL SIGKILL", "StopSignal", "SIGKILL"),
    ("ENV S=9\nSTOPSIGNAL $S", "StopSignal", "9"),
    ("STOPSIGNAL rtmin+3", "StopSignal", "rtmin+3"),
    ('SHELL ["/bin/bash", "-c"]\nCMD x y', "Cmd", ["/bin/bash", "-c", "x y"]),
    ('SHELL ["/bin/bash", "-c"]', "Shell", ["/bin/bash", "-c"]),
    ("CMD a $B", "Cmd", ["/bin/sh", "-c", "a $B"]),
    ('CMD ["a", "$B"]', "Cmd", ["a", "$B"]),
    ("CMD []", "Cmd", None),
    ("CMD ['a']", "Cmd", ["/bin/sh", "-c", "['a']"]),
    ("ENTRYPOINT a b", "Entrypoint", ["/bin/sh", "-c", "a b"]),
    ("ENTRYPOINT a\nENTRYPOINT []", "Entrypoint", None),
    ("HEALTHCHECK NONE", "Healthcheck", {"Test": ["NONE"]}),
    ("HEALTHCHECK CMD a b", "Healthcheck", {"Test": ["CMD-SHELL", "a b"]}),
    (
        (
            "HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=500ms \\\n"
            '--start-interval=2s --retries=3 CMD ["a", "b"]'
        ),
        "Healthcheck",
        {
            "Test": ["CMD", "a", "b"],
            "Interval": 90_000_000_000,
            "Timeout": 1_500_000_000,
            "StartPeriod": 500_000_000,
            "StartInterval": 2_000_000_000,
            "Retries": 3,
        },
    ),
    ("ONBUILD RUN $A   b\nONBUILD COPY . /x", "OnBuild", ["RUN $A   b", "COPY . /x"]),
    ("onbuild \t env A=1 \\\n# comment\n \t ", "OnBuild", ["env A=1 "]),
    ("ONBUILD RUN a \t", "OnBuild", ["RUN a \t"]),
    ("ONBUILD RUN <<-E cat\n\tx\n\tE", "OnBuild", ["RUN <<-E cat\n\tx\nE"]),
]


@pytest.mark.parametrize(("body", "key", "expected"), TABLE)
def test_config(body: str, key: str, expected: object) -> None:
    assert config(body).get(key) == expected


def test_maintainer() -> None:
    assert evaluated("MAINTAINER A B <a@example.org>\n").config.author == "A B <a@example.org>"


@pytest.mark.parametrize(
    ("body", "cmd"),
    [
        ("FROM base\nENTRYPOINT x\n", None),
        ("FROM base\nCMD own\nENTRYPOINT x\n", ["/bin/sh", "-c", "own"]),
        ("FROM base\nENTRYPOINT x\nCMD own\n", ["/bin/sh", "-c", "own"]),
        ("FROM base AS p\nCMD parent\nFROM p\nENTRYPOINT x\n", None),
    ],
)
def test_entrypoint_resets_an_inherited_cmd(body: str, cmd: list[str] | None) -> None:
    assert config(body).get("Cmd") == cmd


def test_labels_and_platform_of_the_command_line() -> None:
    result = evaluated(
        "LABEL a=1\n", labels={"a": "2", "z": "3"}, platform=Platform("linux", "arm", "v7")
    )
    assert result.config.labels == (("a", "2"), ("z", "3"))
    assert (result.config.architecture, result.config.variant) == ("arm", "v7")
    old = ImageConfig(os="linux", architecture="arm64", variant="v8")
    asked = Platform("linux", "arm64")
    assert evaluated("FROM base\n", base=old).config.variant == "v8"
    assert evaluated("FROM base\n", base=old, platform=asked).config.variant == ""


def test_args_are_for_the_build_only() -> None:
    step = last("FROM base\nARG A=1 B=$A$LANG\nARG C\nRUN x\n")
    assert step.args == {"A": "1", "B": "1C"}
    assert step.env == {"PATH": "/bin", "LANG": "C"}
    assert "A=1" not in step.config.env


def test_where_an_arg_gets_its_value() -> None:
    text = (
        "ARG G=global\nARG H=global\nFROM scratch\n"
        "ARG G\nARG H=own\nARG TARGETARCH\nARG UNDECLARED\nARG SOURCE_DATE_EPOCH\nRUN x\n"
    )
    assert last(text, epoch=5).args == {
        "G": "global",
        "H": "own",
        "TARGETARCH": "amd64",
        "SOURCE_DATE_EPOCH": "5",
    }
    given = {"G": "1", "H": "2", "SOURCE_DATE_EPOCH": "6"}
    assert last(text, epoch=5, build_args=given).args == {**given, "TARGETARCH": "amd64"}
    assert last("ARG G=1\nFROM scratch\nRUN x\n").args == {}
    own = "FROM scratch\nARG SOURCE_DATE_EPOCH=8\nRUN x\n"
    assert last(own, epoch=5).args == {"SOURCE_DATE_EPOCH": "8"}


def test_a_default_that_is_not_used_is_not_expanded() -> None:
    assert last("FROM scratch\nARG A=${X:?needed}\nRUN x\n", build_args={"A": "1"}).args == {
        "A": "1"
    }


def test_children_inherit_args_of_a_parent_stage() -> None:
    assert last("FROM scratch AS p\nARG A=1\nFROM p\nRUN x\n").args == {"A": "1"}


def test_env_wins_over_arg_and_says_so() -> None:
    result = evaluated("FROM base\nARG LANG=de\nENV A=1\nARG A=1\nRUN x\n")
    step = result.stages[0].steps[-1]
    assert step.env["LANG"] == "C"
    assert step.args == {}
    assert [(f.code, str(f.where)) for f in result.findings] == [
        ("arg-hidden-by-env", "Dockerfile:2:1")
    ]


def test_env_wins_over_arg_in_expansion_too() -> None:
    assert last("FROM base\nARG LANG=de\nUSER $LANG\n").words == ("C",)


RUNS: list[tuple[str, tuple[str, ...]]] = [
    ("RUN a $B", ("/bin/sh", "-c", "a $B")),
    ('RUN ["a", "$B"]', ("a", "$B")),
    ("RUN a \\\n # c\n   b", ("/bin/sh", "-c", "a    b")),
    ("RUN <<EOF\na $X\n\nb\nEOF", ("/bin/sh", "-c", "a $X\n\nb\n")),
    ("RUN <<-EOF\n\ta\n\tEOF", ("/bin/sh", "-c", "a\n")),
    ("RUN <<EOF cat >x\na\nEOF", ("/bin/sh", "-c", "<<EOF cat >x\na\nEOF")),
    ("RUN cat <<-A <<'B'\n\ta\n\tA\nb\nB", ("/bin/sh", "-c", "cat <<-A <<'B'\n\ta\nA\nb\nB")),
    ('SHELL ["s"]\nRUN <<E\nE', ("s", "")),
]


@pytest.mark.parametrize(("body", "arguments"), RUNS)
def test_run(body: str, arguments: tuple[str, ...]) -> None:
    command = last(body).command
    assert command is not None
    assert command.arguments == arguments
    assert command.script is None


def test_heredoc_with_an_interpreter_is_a_program() -> None:
    command = last("RUN <<EOF\n#!/usr/bin/python3\nprint()\nEOF\n").command
    assert command is not None
    assert command.arguments == ("/dev/pipes/EOF",)
    assert command.script is not None
    assert command.script.content == "#!/usr/bin/python3\nprint()\n"


def test_run_mounts_are_expanded() -> None:
    step = last(
        "FROM base AS tools\nFROM scratch\nARG D=/d\n"
        "RUN --mount=type=cache,target=$D,id=${D#/},sharing=locked,uid=1 "
        "--mount=from=tools,src=/a,dst=/b,rw --mount=type=secret,id=k,env=K,required "
        "--mount=from=busybox,target=/c x\n"
    )
    cache, bind, secret, image = step.mounts
    assert (cache.mount.target, cache.mount.id, cache.mount.uid, cache.mount.writable) == (
        "/d",
        "d",
        1,
        True,
    )
    assert (bind.base, bind.mount.source, bind.mount.target, bind.mount.writable) == (
        StageBase(0),
        "/a",
        "/b",
        True,
    )
    assert (secret.mount.env, secret.mount.required, secret.base) == ("K", True, None)
    assert image.base == External("busybox", AMD)
    assert not image.mount.writable


def test_copy() -> None:
    step = last(
        "FROM base AS b\nFROM scratch\nARG U=me\nENV D=/d\nWORKDIR /w\nUSER who\n"
        "COPY --from=b --chown=$U:$U --chmod=${M:-755} --link --parents=false "
        '--exclude=*.$X --exclude=y "$D"/a b\\ c $D/\n'
    )
    # Blanks separate here even after an escape: docker needs the JSON form for such names.
    assert step.words == ("/d/a", "b", "c")
    assert step.destination == "/d/"
    assert step.working_dir == "/w"
    assert step.user == "who"
    assert step.base == StageBase(0)
    assert (step.value("chown"), step.value("chmod")) == ("me:me", "755")
    assert (step.switch("link"), step.switch("parents")) == (True, False)
    assert step.values("exclude") == ("*.$X", "y")


def test_copy_json_form() -> None:
    step = last('ENV D=/d\nCOPY ["a b", "<<EOF", "$D/"]\n')
    assert (step.words, step.destination) == (("a b", "<<EOF"), "/d/")


def test_copy_heredocs() -> None:
    step = last("ENV V=1\nCOPY <<a /x/y <<-'b' \"<<c\" /d/\n'$V' \\$V\na\n\t$V\n\tb\n")
    assert step.words == ("/x/y", "<<c")
    assert [(doc.name, doc.content) for doc in step.files] == [("a", "'1' $V\n"), ("b", "$V\n")]
    assert step.destination == "/d/"


def test_add() -> None:
    step = last(
        "ARG S=sha256:0\nADD --checksum=$S --keep-git-dir --unpack=FALSE "
        "https://example.org/a.tar /a\n"
    )
    assert step.value("checksum") == "sha256:0"
    assert (step.switch("keep-git-dir"), step.switch("unpack")) == (True, False)
    assert step.switch("link") is None
    assert step.base is None


def test_triggers_are_dropped_once_used() -> None:
    base = ImageConfig(on_build=("ENV T=1", "RUN x"), os="linux", architecture="amd64")
    result = evaluated("FROM base\nONBUILD RUN own\n", base=base)
    assert [step.keyword for step in result.stages[0].steps] == ["ENV", "RUN", "ONBUILD"]
    assert result.config.on_build == ("RUN own",)
    assert result.config.env[-1] == "T=1"
    assert evaluated("FROM base\n", base=base).config.on_build == ()


def test_chain() -> None:
    text = "FROM base AS a\nRUN a\nFROM scratch AS x\nRUN x\nFROM a AS b\nRUN b\nFROM b\nRUN c\n"
    chain = evaluated(text).chain()
    assert [result.stage.index for result in chain] == [0, 2, 3]


@pytest.mark.parametrize(
    ("body", "fragment", "place"),
    [
        ("ENV A=${B:?no}\n", "B: no", "Dockerfile:2:1"),
        ("RUN x\n  WORKDIR 'x\n", "single quote", "Dockerfile:3:3"),
        ("EXPOSE $X 70000\n", "from 0 to 65535", "Dockerfile:2:1"),
        ("EXPOSE 9-8\n", "ends before it begins", "Dockerfile:2:1"),
        ("EXPOSE 1/icmp\n", "protocols tcp, udp, sctp", "Dockerfile:2:1"),
        ("EXPOSE 1-2:3-5\n", "differ in length", "Dockerfile:2:1"),
        ("EXPOSE x:1:2\n", "no IP address", "Dockerfile:2:1"),
        ("EXPOSE ²\n", "expected a port", "Dockerfile:2:1"),
        ("VOLUME $X\n", "empty string", "Dockerfile:2:1"),
        ("STOPSIGNAL SIGNOPE\n", "no signal", "Dockerfile:2:1"),
        ("STOPSIGNAL 0\n", "no signal", "Dockerfile:2:1"),
        ("RUN --mount=type=$T,target=/x true\n", "expected one of bind", "Dockerfile:2:1"),
        ("COPY $X' /x\n", "single quote", "Dockerfile:2:1"),
    ],
)
def test_error(body: str, fragment: str, place: str) -> None:
    with pytest.raises(DockerfileError) as caught:
        evaluated(body)
    assert fragment in caught.value.what
    assert str(caught.value.where) == place


def test_config_survives_being_written_and_read() -> None:
    written = evaluated(
        'FROM base\nONBUILD RUN x\nHEALTHCHECK --retries=2 CMD x\nVOLUME /v\nSHELL ["s"]\n'
        "STOPSIGNAL 9\nCMD []\n"
    ).config
    document = {
        "os": "linux",
        "architecture": "amd64",
        "config": json.loads(json.dumps(config_object(written))),
    }
    again = read_config(document, "x")
    assert again.cmd is None
    assert config_object(again) == config_object(written)
    assert again.healthcheck == Healthcheck(("CMD-SHELL", "x"), retries=2)


def test_nulls_of_docker_configs() -> None:
    names = ("Env", "Cmd", "Entrypoint", "Labels", "Volumes", "ExposedPorts", "OnBuild", "Shell")
    document = {"config": dict.fromkeys((*names, "Healthcheck", "User")), "author": None}
    assert read_config(document, "x") == ImageConfig()
    assert read_config({"config": None}, "x") == ImageConfig()


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"config": []},
        {"config": {"Env": "A=1"}},
        {"config": {"Env": [1]}},
        {"config": {"Labels": {"a": 1}}},
        {"config": {"Volumes": ["/a"]}},
        {"config": {"User": 1}},
        {"config": {"Healthcheck": {"Interval": "1s"}}},
        {"config": {"Healthcheck": {"Retries": True}}},
        {"config": {"Env": ["A=\ud800"]}},
        {"config": {"Labels": {"\ud800": ""}}},
        {"os": 1},
    ],
)
def test_corrupt_config(document: object) -> None:
    with pytest.raises(InputError, match="configuration of example is corrupt"):
        read_config(document, "example")
