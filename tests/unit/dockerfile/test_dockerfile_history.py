"""The history: worded from the Dockerfile, the last change carries the layer."""

from __future__ import annotations

import pytest

from samebit.dockerfile.config import ImageConfig
from samebit.dockerfile.evaluate import Evaluation, evaluate
from samebit.dockerfile.history import history, timestamp
from samebit.dockerfile.parser import parse
from samebit.dockerfile.stages import External, plan
from samebit.errors import InternalError, UsageError
from samebit.model.platform import Platform

AMD = Platform("linux", "amd64")
EPOCH = 315619200


def evaluated(text: str, **options: str) -> Evaluation:
    bases = {External("base", AMD): ImageConfig(on_build=("RUN   trigger",))}
    return evaluate(
        plan(parse(text, "Dockerfile"), platform=AMD, bases=bases, build_args=options), bases
    )


def worded(text: str) -> list[str]:
    return [entry.created_by for entry in history(evaluated(text), EPOCH, layer=False)]


def test_wording() -> None:
    text = (
        "FROM base AS a\n"
        "arg  TOKEN\n"
        "RUN --mount=type=secret,id=t  apt-get \\\n   # why\n\n  update   &&\ttrue\n"
        "FROM scratch AS other\nRUN not here\n"
        "FROM a\n"
        'ENV A=$TOKEN "B C"=1\n'
        "COPY --link --chown=1 --from=other <<E a /b\nbody\nE\n"
        "RUN <<E\n  two   blanks\nE\n"
        "ONBUILD RUN <<E\nx\nE\n"
        'CMD [ "x" ]\n'
    )
    entries = history(evaluated(text, TOKEN="hidden"), EPOCH, layer=False)
    assert [entry.created_by for entry in entries] == [
        "RUN trigger",
        "ARG TOKEN",
        "RUN --mount=type=secret,id=t apt-get update && true",
        'ENV A=$TOKEN "B C"=1',
        "COPY --link --chown=1 --from=other <<E a /b",
        "RUN <<E\n  two   blanks\nE",
        "ONBUILD RUN <<E\nx\nE",
        'CMD [ "x" ]',
    ]
    assert {entry.created for entry in entries} == {"1980-01-02T00:00:00Z"}
    assert all(entry.empty_layer for entry in entries)


def test_no_password_of_a_url_is_kept() -> None:
    assert worded(
        "FROM scratch\n"
        "ADD https://me:secret@example.org/a@b /x\n"
        'RUN curl "http://token@example.org/?q=a@b" ssh://git@example.org/ a@b:c\n'
    ) == [
        "ADD https://example.org/a@b /x",
        'RUN curl "http://example.org/?q=a@b" ssh://git@example.org/ a@b:c',
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("RUN a\nWORKDIR /x\nCMD c\n", [False, True, True]),
        ("RUN a\nCOPY b c\nENV x=y\n", [True, False, True]),
        ("WORKDIR /x\nWORKDIR y\nENV x=y\n", [True, False, True]),
        ("VOLUME /x\nENV x=y\n", [True, False]),
    ],
)
def test_the_layer_belongs_to_the_last_change(body: str, expected: list[bool]) -> None:
    entries = history(evaluated("FROM scratch\n" + body), EPOCH, layer=True)
    assert [entry.empty_layer for entry in entries] == expected
    assert ["empty_layer" in entry.document() for entry in entries] == expected


def test_a_layer_needs_an_instruction() -> None:
    assert history(evaluated("FROM scratch\n"), EPOCH, layer=False) == ()
    with pytest.raises(InternalError):
        history(evaluated("FROM scratch\n"), EPOCH, layer=True)


@pytest.mark.parametrize(
    ("epoch", "expected"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1700000000, "2023-11-14T22:13:20Z"),
        (-62135596800, "0001-01-01T00:00:00Z"),
    ],
)
def test_timestamp(epoch: int, expected: str) -> None:
    assert timestamp(epoch) == expected


def test_timestamp_out_of_range() -> None:
    with pytest.raises(UsageError, match="not a date"):
        timestamp(10**18)
