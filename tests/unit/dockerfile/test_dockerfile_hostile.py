"""Dockerfiles made to take forever: each is an answer or an error within a few seconds of CPU."""

from __future__ import annotations

import time

import pytest

from samebit.dockerfile.evaluate import evaluate
from samebit.dockerfile.history import history
from samebit.dockerfile.lowering import context_sources, reachable
from samebit.dockerfile.parser import decode, parse
from samebit.dockerfile.stages import plan
from samebit.errors import DockerfileError
from samebit.model.platform import Platform

FROM = "FROM scratch\n"
# What takes minutes, or never ends, fails this on any machine.
SECONDS = 20.0

READ = {
    "one long line": FROM + "RUN " + "a " * 200_000,
    "a long value": FROM + "ENV A=" + "a" * 300_000,
    "continuations": FROM + "RUN a" + " \\\n b" * 30_000,
    "comments between": FROM + "RUN a \\\n" + "# c\n" * 30_000 + " b\n",
    "a long heredoc": FROM + "RUN <<EOF\n" + "line\n" * 50_000 + "EOF\n",
    "many heredocs": FROM
    + "RUN "
    + " ".join(f"<<E{i}" for i in range(500))
    + "\n"
    + "".join(f"x\nE{i}\n" for i in range(500)),
    "quotes": FROM + "ENV A=" + "\"'" * 30_000 + "\n",
    "deep JSON": FROM + "CMD " + "[" * 30_000 + "]" * 30_000,
    "many stages": "FROM scratch AS s0\n"
    + "".join(f"FROM s{i} AS s{i + 1}\nENV A=b\n" for i in range(600)),
    "many variables": FROM + "".join(f"ENV A{i}=b\n" for i in range(1_000)),
    "variables in one line": FROM + "ENV " + " ".join(f"A{i}=b" for i in range(9_000)),
    "many labels": FROM + "LABEL " + " ".join(f"a{i}=b" for i in range(9_000)),
    "many sources": FROM + "COPY " + "a " * 10_000 + "/x/\n",
    "many flags": FROM + "COPY " + "--exclude=a " * 3_000 + "a /x/\n",
    "suffix": FROM + "ENV A=" + "a" * 9_000 + "\nENV B=${A%%*a*a*a*b}\n",
}
REFUSED = {
    "doubling": (FROM + "ENV A=xxxxxxxxxx\n" + "ENV A=$A$A\n" * 40, "longer than"),
    "doubling arguments": (
        "ARG A0=xxxxxxxxxx\n"
        + "".join(f"ARG A{i + 1}=$A{i}$A{i}\n" for i in range(40))
        + "FROM $A40\n",
        "longer than",
    ),
    "nested braces": (FROM + "ENV A=" + "${A:-" * 30_000 + "}" * 30_000, "cannot expand"),
    "instructions": (FROM + "RUN true\n" * 6_000, "more than 5000 instructions"),
    "variables": (FROM + "ENV " + " ".join(f"A{i}=b" for i in range(11_000)), "10000 variables"),
    "ports": (FROM + "EXPOSE 1-65535\n" * 4, "more ports"),
    "replacing": (FROM + "ENV A=" + "a" * 9_000 + "\nENV B=${A//*a*a*b/x}", "too long for"),
    "an open heredoc": (FROM + "RUN <<EOF\n" + "x\n" * 30_000, "unterminated heredoc"),
    "mount fields": (FROM + "RUN --mount=" + ",".join(["a=b"] * 10_000) + " x", "mount"),
    "triggers of triggers": (FROM + "ONBUILD ONBUILD RUN a\n", "ONBUILD is not allowed"),
}


def process(text: str) -> None:
    amd = Platform("linux", "amd64")
    recipe = plan(parse(decode(text.encode(), "Dockerfile"), "Dockerfile"), platform=amd, epoch=0)
    evaluation = evaluate(recipe, {})
    reachable(context_sources(evaluation))
    history(evaluation, 0, layer=True)


@pytest.mark.parametrize("name", READ)
def test_large_is_no_fault_and_takes_no_age(name: str) -> None:
    begin = time.process_time()
    process(READ[name])
    assert time.process_time() - begin < SECONDS


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_explode_is_refused(name: str) -> None:
    text, message = REFUSED[name]
    begin = time.process_time()
    with pytest.raises(DockerfileError, match=message) as caught:
        process(text)
    assert time.process_time() - begin < SECONDS
    assert len(str(caught.value)) < 1_000
