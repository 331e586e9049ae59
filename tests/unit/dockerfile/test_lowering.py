from __future__ import annotations

from typing import Any

import pytest

from samebit.dockerfile.config import ImageConfig
from samebit.dockerfile.evaluate import evaluate
from samebit.dockerfile.lowering import LoweringOptions, context_sources, lower, reachable
from samebit.dockerfile.lowering_model import (
    FetchGit,
    FetchUrl,
    InlineFile,
    Layout,
    LoweredPlan,
    Selection,
    SourceFacts,
    StepMount,
    TreeKind,
    TreeRef,
)
from samebit.dockerfile.parser import parse
from samebit.dockerfile.stages import External, plan
from samebit.errors import DockerfileError, MachineError, SamebitError
from samebit.model.digest import Digest
from samebit.model.platform import Platform

AMD = Platform("linux", "amd64")
CONFIGS = {
    External("base", AMD): ImageConfig(
        env=("PATH=/bin", "LANG=C"), user="app", working_dir="/srv", on_build=("RUN triggered",),
        volumes=("/data",),
    ),
    External("other", AMD): ImageConfig(env=("PATH=/bin",)),
}  # fmt: skip
IMAGES = {External("base", AMD): "localhost/samebit/base:b", External("other", AMD): "localhost/o"}


def lowered(body: str, *, target: str | None = None, **options: Any) -> LoweredPlan:
    text = body if "FROM " in body else "FROM other\n" + body
    build_args = options.pop("build_args", None)
    planned = plan(
        parse(text, "app/Dockerfile"),
        platform=AMD,
        bases=CONFIGS,
        target=target,
        build_args=build_args,
    )
    chosen = {"capture": False, "bases": IMAGES, **options}
    return lower(planned, evaluate(planned, CONFIGS), LoweringOptions(**chosen))


def lines(body: str, **options: Any) -> list[str]:
    return lowered(body, **options).text.splitlines()


def sources(body: str) -> Any:
    planned = plan(parse("FROM other\n" + body, "Dockerfile"), platform=AMD, bases=CONFIGS)
    return context_sources(evaluate(planned, CONFIGS))


def test_configuration_is_not_emitted() -> None:
    assert lines(
        'VOLUME /v\nEXPOSE 80\nLABEL a=b\nCMD ["x"]\nENTRYPOINT ["y"]\nSTOPSIGNAL 9\n'
        "HEALTHCHECK NONE\nONBUILD RUN no\nMAINTAINER me\nENV A=b\nARG C=d\nUSER x\n"
        'SHELL ["/bin/zsh", "-c"]\n'
    ) == ["FROM localhost/o AS s0"]


def test_a_run_knows_everything_about_itself() -> None:
    made = lowered(
        "FROM base\nARG V=1\nENV A='$x' LANG=de\nRUN --network=none echo hi\n",
        build_args={"http_proxy": "http://proxy.example.org", "V": "2"},
    )
    assert made.text.splitlines() == [
        "FROM localhost/samebit/base:b AS s0",
        'USER "app"',
        "ENV SAMEBIT_STEP=0/1",
        'RUN ["/bin/sh","-c","triggered"]',
        "ENV SAMEBIT_STEP=0/4",
        'RUN ["/bin/sh","-c","echo hi"]',
    ]
    assert list(made.steps) == ["0/1", "0/4"]
    step = made.steps["0/4"]
    assert step.args == ("/bin/sh", "-c", "echo hi")
    assert step.environment == (
        ("http_proxy", "http://proxy.example.org"), ("V", "2"), ("PATH", "/bin"), ("LANG", "de"),
        ("A", "$x"),
    )  # fmt: skip
    assert (step.cwd, step.user, step.network, step.security) == (
        "/srv", "app", "none", "sandbox",
    )  # fmt: skip
    assert step.place.line == 4
    assert made.bases == ("localhost/samebit/base:b",)


def test_environment_in_the_dockerfile_only_where_no_shim_runs() -> None:
    body = 'ARG V=1\nRUN one\nENV A="q\\"\\$"\nRUN two\n'
    assert not any("ENV A" in line for line in lines(body))
    assert lines(body, environment_in_dockerfile=True) == [
        "FROM localhost/o AS s0",
        'USER "0"',
        'ENV V="1"',
        'ENV PATH="/bin"',
        'WORKDIR "/"',
        'RUN ["/bin/sh","-c","one"]',
        "WORKDIR /",
        'ENV A="q\\"\\$"',
        'WORKDIR "/"',
        'RUN ["/bin/sh","-c","two"]',
        "WORKDIR /",
    ]
    for bad in ("RUN --network=none x", "RUN --security=insecure x",
                "RUN --mount=type=secret,id=a,env=A x"):  # fmt: skip
        with pytest.raises(MachineError) as caught:
            lowered(bad + "\n", environment_in_dockerfile=True)
        assert caught.value.where is not None
        assert (caught.value.where.path, caught.value.where.line) == ("app/Dockerfile", 2)


def test_capture_ends_the_last_stage() -> None:
    made = lowered("FROM other AS a\nFROM scratch\nCOPY --from=a / /\n", capture=True)
    assert made.text.splitlines()[-3:] == [
        "USER 0:0", "ENV SAMEBIT_STEP=capture", 'RUN ["samebit-capture"]',
    ]  # fmt: skip
    assert made.origin(len(made.text.splitlines())) is None


def test_only_needed_stages_with_new_names() -> None:
    text = (
        "FROM other AS weird-Name\nRUN 1\nFROM other AS unused\nRUN 2\nFROM weird-name AS mid\n"
        "FROM scratch AS end\nCOPY --from=weird-name /a /a\nCOPY --from=2 --link /b /b\n"
        "COPY --from=base /c /c\nFROM end AS after\n"
    )
    made = lowered(text, target="end")
    assert [line for line in made.text.splitlines() if line.startswith(("FROM", "COPY"))] == [
        "FROM localhost/o AS s0", "FROM s0 AS s2", "FROM scratch AS s3",
        'COPY --from=s0 ["\\"/a\\"","\\"/a\\""]', 'COPY --from=s2 ["\\"/b\\"","\\"/b\\""]',
        'COPY --from=localhost/samebit/base:b ["\\"/c\\"","\\"/c\\""]',
    ]  # fmt: skip
    assert made.bases == ("localhost/o", "localhost/samebit/base:b")


def test_every_line_knows_its_instruction() -> None:
    script = "\n".join(f"echo {n} {'x' * 90}" for n in range(500))
    made = lowered(f"FROM other\nRUN <<EOF\n{script}\nEOF\nCOPY a /a\nRUN last\n")
    phase = made.phases[0]
    texts = phase.text.splitlines()
    assert len(texts) > 10
    assert max(len(line) for line in texts) < 10_000
    for number, line in enumerate(texts, 1):
        origin = phase.origin(number)
        assert origin is not None
        if line.startswith("COPY"):
            assert origin.keyword == "COPY"
    assert phase.origin(0) is phase.origin(len(texts) + 1) is None
    # FROM, USER, ENV, RUN (folded), COPY, ENV, RUN
    keywords = [o.keyword if (o := phase.at_step(1, n)) else None for n in range(1, 9)]
    assert keywords == ["FROM", "RUN", "RUN", "RUN", "COPY", "RUN", "RUN", None]
    assert phase.at_step(2, 1) is None


def test_workdir_is_made_by_the_user_in_force_even_twice() -> None:
    assert lines("USER u\nWORKDIR /a\nUSER root\nWORKDIR b\nRUN x\nWORKDIR /a/b\n")[1:] == [
        'USER "u"', 'WORKDIR "/a"', "WORKDIR /", 'USER "root"', 'WORKDIR "/a/b"', "WORKDIR /",
        "ENV SAMEBIT_STEP=0/5", 'RUN ["/bin/sh","-c","x"]', 'WORKDIR "/a/b"', "WORKDIR /",
    ]  # fmt: skip


def test_nothing_is_left_for_the_engine_to_expand() -> None:
    text = lowered('RUN ["a", "$HOME `x` <<EOF", "é"]\n').text
    assert text.splitlines()[-1] == (
        'RUN ["a","\\u0024HOME \\u0060x\\u0060 \\u003c\\u003cEOF","\\u00e9"]'
    )


@pytest.mark.parametrize(
    ("copy", "line"),
    [
        ("COPY a b /d/", 'COPY --from=samebit-context ["\\"/a\\"","\\"/b\\"","\\"/d/\\""]'),
        ("COPY ../../a/ /d", 'COPY --from=samebit-context ["\\"/a\\"","\\"/d\\""]'),
        ("COPY . .", 'COPY --from=samebit-context ["\\"/\\"","\\"/\\""]'),
        ("WORKDIR /w\nCOPY . .", 'COPY --from=samebit-context ["\\"/\\"","\\"/w/\\""]'),
        ("WORKDIR /w\nCOPY a x", 'COPY --from=samebit-context ["\\"/a\\"","\\"/w/x\\""]'),
        ("COPY a/**.c /d/", 'COPY --from=samebit-context ["\\"/a/*.c\\"","\\"/d/\\""]'),
        ("COPY --chmod=0755 --chown=a:b x /d",
         'COPY --from=samebit-context --chown=a:b --chmod=755 ["\\"/x\\"","\\"/d\\""]'),
        ("ADD a.tgz b/ /d/", 'ADD ["\\"context/a.tgz\\"","\\"context/b\\"","\\"/d/\\""]'),
        ("ADD . /d/", 'ADD ["\\"context\\"","\\"/d/\\""]'),
        ("ADD --unpack=false a /d", 'COPY --from=samebit-context ["\\"/a\\"","\\"/d\\""]'),
    ],
)  # fmt: skip
def test_plain_copies(copy: str, line: str) -> None:
    assert lines(copy + "\n")[-1] == line


def only_material(body: str, **options: Any) -> Any:
    (phase,) = lowered(body, **options).phases
    (material,) = phase.materials
    return material


@pytest.mark.parametrize(
    ("copy", "expected"),
    [
        ("COPY --chmod=u+x a/b.sh /d", {"sources": ("a/b.sh",), "layout": Layout.NAMED,
                                        "chmod": "u+x", "directory_only": True}),
        ("COPY --exclude=*.o --exclude=x src /d", {"sources": ("src",), "layout": Layout.NAMED,
                                                   "exclude": ("*.o", "x")}),
        ("COPY --parents ./a/./b/*.c c /d", {"sources": ("./a/./b/*.c", "c"), "parents": True,
                                             "layout": Layout.MERGED, "directory_only": False}),
        ("COPY --exclude=y a* /d", {"layout": Layout.MERGED, "directory_only": True}),
        ("COPY --exclude=y --chmod=700 a /d", {"chmod": None, "layout": Layout.NAMED}),
        ("ADD --exclude=y a /d", {"refuse_archives": True}),
        ("COPY --from=other --exclude=y /a /d", {"tree": TreeRef(TreeKind.IMAGE, "localhost/o")}),
        ("COPY x[[]1] /d/", {"layout": Layout.MERGED, "directory_only": False}),
    ],
)  # fmt: skip
def test_selections(copy: str, expected: dict[str, object]) -> None:
    material = only_material(copy + "\n")
    assert isinstance(material, Selection)
    assert {name: getattr(material, name) for name in expected} == expected


def test_a_selection_is_copied_from_its_own_build_context() -> None:
    made = lowered(
        "COPY --exclude=y a/n /d\nCOPY --parents a /d\nCOPY --chmod=7 --exclude=y a /d\n"
    )
    assert made.text.splitlines()[1:] == [
        'COPY --from=samebit-0 ["\\"/n\\"","\\"/d\\""]',
        'COPY --from=samebit-1 ["\\"/\\"","\\"/d\\""]',
        'COPY --from=samebit-2 --chmod=7 ["\\"/a\\"","\\"/d\\""]',
    ]
    assert made.phases[0].build_contexts == (
        ("samebit-0", "samebit/0"), ("samebit-1", "samebit/1"), ("samebit-2", "samebit/2"),
    )  # fmt: skip


def test_selecting_from_a_stage_splits_the_build() -> None:
    made = lowered(
        "FROM other AS a\nRUN 1\nFROM a AS b\nRUN 2\nFROM scratch\n"
        "COPY --from=a --parents /x /\nCOPY --from=b y /y\n",
        stage_images="localhost/s:k",
        capture=True,
    )
    assert [phase.image for phase in made.phases] == ["localhost/s:k-s0", "localhost/s:k-s1", None]
    assert [phase.text.splitlines()[0] for phase in made.phases] == [
        "FROM localhost/o AS s0", "FROM localhost/s:k-s0 AS s1", "FROM scratch AS s2",
    ]  # fmt: skip
    assert [phase.text.count("samebit-capture") for phase in made.phases] == [0, 0, 1]
    (material,) = made.phases[2].materials
    assert isinstance(material, Selection)
    assert material.tree == TreeRef(TreeKind.STAGE, "localhost/s:k-s0")
    assert 'COPY --from=localhost/s:k-s1 ["\\"/y\\"","\\"/y\\""]' in made.text
    assert made.steps.keys() == {"0/1", "1/1"}


def test_empty_patterns_are_left_out_and_unusual_names_selected() -> None:
    facts = SourceFacts(empty=frozenset({("0/1", 1)}), unusual=frozenset({("0/2", 0)}))
    made = lowered("COPY a b* /d/\nCOPY c* /d/\n", sources=facts)
    assert made.text.splitlines()[1:] == [
        'COPY --from=samebit-context ["\\"/a\\"","\\"/d/\\""]',
        'COPY --from=samebit-0 ["\\"/\\"","\\"/d/\\""]',
    ]
    facts = SourceFacts(empty=frozenset({("0/1", 0)}))
    assert lines("COPY a* /d/\n", sources=facts) == ["FROM localhost/o AS s0"]


def test_heredoc_files() -> None:
    (phase,) = lowered("ARG W=w\nCOPY --chmod=u+x <<A <<'B' f /d/\n$W\nA\n$W\nB\n").phases
    select, first, second = phase.materials
    assert isinstance(select, Selection)
    assert isinstance(first, InlineFile)
    assert isinstance(second, InlineFile)
    assert (first.name, first.content, first.mode) == ("A", b"w\n", 0o744)
    assert (second.name, second.content) == ("B", b"$W\n")


def test_run_script_is_mounted() -> None:
    made = lowered("RUN <<E\n#!/bin/x\nbody\nE\n")
    (material,) = made.phases[0].materials
    assert isinstance(material, InlineFile)
    assert (material.name, material.content, material.mode) == ("E", b"#!/bin/x\nbody\n", 0o755)
    assert made.text.splitlines()[-1] == (
        'RUN --mount=type=bind,target=/dev/.samebit/mounts/0,from=samebit-0,ro ["/dev/pipes/E"]'
    )


def test_urls() -> None:
    digest = Digest.of(b"")
    material = only_material(f"ADD --checksum={digest} http://example.org/a/b%20c?x=1 /d/\n")
    assert isinstance(material, FetchUrl)
    assert (material.name, material.checksum, material.mode, material.step) == (
        "b c", digest, 0o600, "0/1",
    )  # fmt: skip
    assert only_material("ADD --chmod=go+r http://example.org /d/\n").mode == 0o644
    assert only_material("ADD http://example.org /d/\n").name == "__unnamed__"
    assert lines("ADD --unpack http://example.org/x.tar /d/\n")[-1] == (
        'ADD ["\\"samebit/0/x.tar\\"","\\"/d/\\""]'
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("https://example.org/r.git#v1:docs/x", ("https://example.org/r.git", "v1", "docs/x")),
        ("https://example.org/r.git", ("https://example.org/r.git", None, "")),
        ("git@example.org:a/r.git#main", ("git@example.org:a/r.git", "main", "")),
        ("ssh://git@example.org/r", ("ssh://git@example.org/r", None, "")),
        ("git://example.org/r#:../../d", ("git://example.org/r", None, "d")),
        ("https://example.org/r.git?tag=v2&subdir=s", ("https://example.org/r.git",
                                                       "refs/tags/v2", "s")),
    ],
)  # fmt: skip
def test_git_addresses(source: str, expected: tuple[str, str | None, str]) -> None:
    material = only_material(f"ADD --keep-git-dir=true {source} /d\n")
    assert isinstance(material, FetchGit)
    assert (material.remote, material.ref, material.subdir) == expected
    assert material.keep_git_dir


@pytest.mark.parametrize(
    ("mount", "option"),
    [
        ("source=a,target=/t", "type=bind,target=/t,from=samebit-context,source=/a,ro"),
        ("from=other,target=t/u", "type=bind,target=/w/t/u,from=localhost/o,ro"),
        ("target=.", "type=bind,target=/w,from=samebit-context,ro"),
        ("source=a,target=/t,rw", "type=bind,target=/t,from=samebit-0,source=/content,rw"),
        ("type=cache,target=/c,sharing=private,mode=700,uid=1,gid=2,readonly",
         "type=cache,target=/c,id=ad4dfd70ab9b7bd0d5f3b70b1f5e8e3a,mode=700,uid=1,gid=2,ro"),
        ("type=tmpfs,target=/t,size=64k", "type=tmpfs,target=/t,tmpfs-size=65536"),
        ("type=secret,id=s", "type=secret,target=/run/secrets/s,id=s,required=false,mode=400"),
        ("type=secret,id=s,target=/x,required,mode=0444,uid=5",
         "type=secret,target=/x,id=s,required=true,mode=444,uid=5"),
        ("type=ssh",
         "type=ssh,target=/run/buildkit/ssh_agent.0,id=default,required=false,mode=600"),
    ],
)  # fmt: skip
def test_mounts_by_the_engine(mount: str, option: str) -> None:
    made = lowered(f"WORKDIR /w\nRUN --mount={mount} x\n", environment_in_dockerfile=True)
    (found,) = made.steps["0/2"].mounts
    if found.kind == "cache":
        head, _, tail = option.partition("id=")
        assert found.option.startswith(head)
        assert found.option.endswith(tail[32:])
    else:
        assert found.option == option
    assert f"RUN --mount={found.option} [" in made.text


@pytest.mark.parametrize(
    ("mount", "expected"),
    [
        ("type=cache,target=c,sharing=private,mode=700,uid=1,gid=2,readonly",
         StepMount("cache", "/w/c", id="c", read_only=True, mode=0o700, uid=1, gid=2)),
        ("type=cache,target=/a/../b/,id=x", StepMount("cache", "/b", id="x")),
        ("type=tmpfs,target=/t,size=64k", StepMount("tmpfs", "/t", size=65536)),
        ('type=secret,\\"target=/a,é\\",id=s',
         StepMount("secret", "/a,é", id="s", read_only=True)),
        ("type=secret,id=a/s,required,mode=0444,uid=5",
         StepMount("secret", "/run/secrets/s", id="a/s", required=True, read_only=True, mode=0o444,
                   uid=5)),
        ("type=secret,id=s,env=S", StepMount("secret", "", id="s", read_only=True, variable="S")),
        ("type=secret,id=s,env=S,target=/t",
         StepMount("secret", "/t", id="s", read_only=True, variable="S")),
        ("type=ssh", StepMount("ssh", "/run/buildkit/ssh_agent.0", id="default", read_only=True)),
    ],
)  # fmt: skip
def test_mounts_by_the_shim(mount: str, expected: StepMount) -> None:
    made = lowered(f"WORKDIR /w\nRUN --mount={mount} x\n")
    assert made.steps["0/2"].mounts == (expected,)
    assert "--mount" not in made.text


def test_the_engine_never_knows_the_target_of_a_bind_mount() -> None:
    made = lowered("RUN --mount=type=ssh --mount=from=other,target=/a/é x\n")
    (_, found) = made.steps["0/1"].mounts
    assert (found.placeholder, found.target) == ("/dev/.samebit/mounts/1", "/a/é")
    assert f"--mount={found.option} " in made.text
    assert "é" not in made.text


def test_the_first_agent_is_the_steps_agent() -> None:
    made = lowered(
        "RUN --mount=type=ssh,id=a,target=/one --mount=type=ssh x\nENV SSH_AUTH_SOCK=own\n"
        "RUN --mount=type=ssh x\nRUN x\n"
    )
    found = [dict(step.environment).get("SSH_AUTH_SOCK") for step in made.steps.values()]
    assert found == ["/one", "own", "own"]
    assert made.steps["0/1"].mounts[1].target == "/run/buildkit/ssh_agent.1"


def test_a_cache_from_an_image_is_copied_once_for_all_that_share_it() -> None:
    made = lowered(
        "RUN --mount=type=cache,from=other,source=s,target=/a --mount=type=ssh,id=k x\n"
        "RUN --mount=type=cache,from=other,source=s,target=/a --mount=type=ssh,id=k x\n"
    )
    assert len(made.phases[0].materials) == 1
    assert made.steps["0/1"].mounts == made.steps["0/2"].mounts


@pytest.mark.parametrize(
    ("body", "error", "what"),
    [
        ("COPY http://example.org/a /a", DockerfileError, "is not a path"),
        ("COPY git@example.org:a.git /a", DockerfileError, "is not a path"),
        ("COPY --from=scratch a /a", DockerfileError, "holds nothing"),
        ("COPY --chmod=99 a /a", DockerfileError, "--chmod=99"),
        ("COPY --chmod=u+q a /a", DockerfileError, "--chmod"),
        ("ADD --checksum=sha256:12 http://example.org/a /a", DockerfileError, "64 hexadecimal"),
        ("ADD --checksum=sha256:12 a /a", DockerfileError, "URLs and git"),
        ("ADD --checksum=ab https://example.org/a.git b /a/", DockerfileError, "one source"),
        ("ADD https://example.org/a.git?x=1 /a", DockerfileError, "unknown query"),
        ("ADD https://example.org/a/.. /a", DockerfileError, "no file name"),
        ("ADD https://example.org/a[1] /a", MachineError, "to a new name"),
        ('COPY --chown="a b" x /a', MachineError, "--chown"),
        ("RUN --mount=target=/ x", DockerfileError, "root directory"),
        ("RUN --mount=type=cache,from=other,target=/a,uid=1 x", MachineError, "uid="),
        ("RUN --mount=source=é,target=/a x", MachineError, "cannot take this value"),
    ],
)
def test_what_cannot_be_lowered_says_where(body: str, error: type[SamebitError], what: str) -> None:
    with pytest.raises(error, match=what) as caught:
        lowered(body + "\n")
    assert caught.value.where is not None
    assert (caught.value.where.path, caught.value.where.line) == ("app/Dockerfile", 2)


def test_context_sources_and_what_is_reachable() -> None:
    found = sources(
        "COPY a ./b/../c *.json d/e*/f /x/\nADD http://example.org/u local /x/\n"
        "COPY --from=other no /x\nRUN --mount=source=m/n,target=/t --mount=type=cache,target=/c x\n"
        "COPY --parents p/./q/**/r /x/\nCOPY <<E /x\nE\n"
    )
    assert [(s.step, s.index, s.path, s.pattern) for s in found] == [
        ("0/1", 0, "a", False), ("0/1", 1, "c", False), ("0/1", 2, "*.json", True),
        ("0/1", 3, "d/e*/f", True), ("0/2", 0, "local", False), ("0/4", 0, "m/n", False),
        ("0/5", 0, "p/q/**/r", True),
    ]  # fmt: skip
    assert [s.nested for s in found] == [False] * 4 + [True] + [False] * 2
    assert reachable(found) is None
    kept = [s for s in found if s.path != "*.json"]
    assert reachable(kept) == {b"a", b"c", b"d", b"local", b"m/n", b"p/q"}
    assert reachable([]) == frozenset()
    assert reachable(sources("COPY . /x\n")) is None
