"""Whatever parses, planning and evaluating it gives a config or a DockerfileError."""

from __future__ import annotations

import contextlib
import json

from hypothesis import example, given
from hypothesis import strategies as st

from samebit.dockerfile.config import ImageConfig, config_object, read_config
from samebit.dockerfile.evaluate import evaluate
from samebit.dockerfile.expand import expand, expand_text, expand_words
from samebit.dockerfile.history import history
from samebit.dockerfile.parser import parse
from samebit.dockerfile.patterns import PatternError, replace, trim_prefix, trim_suffix
from samebit.dockerfile.stages import External, plan
from samebit.errors import DockerfileError
from samebit.model.platform import Platform

AMD = Platform("linux", "amd64")
ENV = {"V": "value", "E": "", "P": "/a/b.c.d", "W": "one  two"}

VALUE = st.lists(
    st.sampled_from(
        [
            "$",
            "{",
            "}",
            "${",
            "${V",
            "${E:-",
            "${X:+",
            "${P##",
            "${P%.",
            "${P//",
            "/",
            "*",
            "?",
            "V",
            "$V",
            "$W",
            "$X",
            "'",
            '"',
            "\\",
            " ",
            "a",
            ":",
            "<<",
            "#",
            "%",
            "=",
            "é",
            "1",
        ]
    ),
    max_size=8,
).map("".join)

LINE = st.one_of(
    st.tuples(
        st.sampled_from(
            [
                "ENV A=",
                "ENV A ",
                "ARG A=",
                "LABEL a=",
                "WORKDIR ",
                "USER ",
                "EXPOSE ",
                "VOLUME ",
                "STOPSIGNAL ",
                "COPY a ",
                "COPY --chown=",
                "CMD ",
                "ENTRYPOINT ",
                "ONBUILD ENV A=",
                "RUN --mount=type=cache,target=",
                "RUN ",
                "SHELL ",
                "HEALTHCHECK CMD ",
                "FROM ",
                "COPY --from=",
                "ADD <<E /x\n",
                "RUN <<E\n",
                "FROM a AS ",
                "ONBUILD COPY --from=",
            ]
        ),
        VALUE,
    ).map("".join),
    st.sampled_from(
        ["FROM a AS b", "FROM b", "COPY --from=b x y", "COPY --from=0 x y", "E", "ARG TARGETARCH"]
    ),
)


@given(st.lists(LINE, max_size=8), st.sampled_from(["RUN x", "ENV T=$V", "COPY --from=t a b"]))
@example(["FROM a AS b", "ONBUILD COPY --from=b x y", "FROM b"], "RUN x")
def test_evaluation(lines: list[str], trigger: str) -> None:
    text = "ARG V=1\nFROM a\nENV V=value E= P=/a/b W='one  two'\n" + "\n".join(lines) + "\n"
    with contextlib.suppress(DockerfileError):
        tree = parse(text, "Dockerfile")
        bases: dict[External, ImageConfig] = {}
        while missing := (found := plan(tree, platform=AMD, bases=bases)).unresolved:
            bases |= dict.fromkeys(missing, ImageConfig(on_build=(trigger,)))
        assert list(found.needed) == sorted(found.needed)
        assert found.needed[-1] == found.target
        result = evaluate(found, bases)
        assert list(result.stages) == list(found.needed)
        document = {
            "os": "linux",
            "architecture": "amd64",
            "author": result.config.author,
            "config": config_object(result.config),
        }
        again = read_config(json.loads(json.dumps(document)), "x")
        assert config_object(again) == config_object(result.config)
        steps = [step for part in result.chain() for step in part.steps]
        entries = history(result, 0, layer=bool(steps))
        assert len(entries) == len(steps)
        assert sum(not entry.empty_layer for entry in entries) == bool(steps)
        for step in steps:
            assert not step.args.keys() & step.env.keys()
            assert step.working_dir.startswith("/")


@given(st.one_of(VALUE, st.text()), st.sampled_from("\\`"))
def test_expansion(word: str, escape: str) -> None:
    with contextlib.suppress(DockerfileError):
        whole = expand(word, ENV, escape=escape)
        parts = expand_words(word, ENV, escape=escape)
        assert "".join("".join(parts).split()) == "".join(whole.split())
    with contextlib.suppress(DockerfileError):
        expand_text(word, ENV)


@given(st.text("ab*?\\/", max_size=6), st.text("ab\n", max_size=8))
def test_patterns(pattern: str, value: str) -> None:
    with contextlib.suppress(PatternError):
        short = trim_prefix(value, pattern, longest=False)
        long = trim_prefix(value, pattern, longest=True)
        assert value.endswith(short)
        assert short.endswith(long)
        assert value.startswith(trim_suffix(value, pattern, longest=False))
        once = replace(value, pattern, "-", every=False)
        assert (once == value) == ("-" not in once)
        assert replace(value, pattern, "-", every=True).count("-") >= once.count("-")
