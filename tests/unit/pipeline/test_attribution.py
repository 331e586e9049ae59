from __future__ import annotations

import pytest

from samebit.dockerfile.evaluate import evaluate
from samebit.dockerfile.parser import parse
from samebit.dockerfile.stages import plan
from samebit.engines.conditions import StepRecord, StepTrace
from samebit.model.platform import Platform
from samebit.pipeline.attribution import Attribution

AMD = Platform("linux", "amd64")


def line(text: str, path: bytes, *links: bytes) -> int | None:
    found = plan(parse(text, "Dockerfile"), platform=AMD)
    place = Attribution.of(evaluate(found, {}), lambda one: one in links).place(path)
    return None if place is None else place.line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM scratch\nRUN a\n", 2),
        ("FROM scratch\nENV A=1\nRUN a\nCMD a\n", 3),
        ("FROM scratch\nRUN a\nRUN b\n", None),
        ("FROM scratch\nCOPY x /srv/\nRUN a\n", 3),
        ("FROM scratch\nCOPY x /etc/\nRUN a\n", None),
        ("FROM scratch\nCOPY x /\nRUN a\n", None),
        ("FROM scratch\nCOPY x /etc/\n", 2),
        ("FROM scratch\nCOPY x /etc/key\n", 2),
        ("FROM scratch\nCOPY x /etc/key2\nRUN a\n", 3),
        ("FROM scratch\nWORKDIR /etc\nCOPY x .\nRUN a\n", None),
        ("FROM scratch\nWORKDIR /srv\nCOPY x ../etc\nRUN a\n", None),
        ("FROM scratch\nADD x /srv/\nRUN a\n", 3),
        ("FROM scratch AS one\nRUN a\nFROM one\nRUN b\n", None),
        ("FROM scratch AS one\nRUN a\nFROM scratch\nCOPY --from=one / /\n", 4),
        ("FROM scratch\n", None),
    ],
)
def test_only_what_is_certain_is_said(text: str, expected: int | None) -> None:
    assert line(text, b"etc/key") == expected


def test_a_link_on_the_way_may_lead_anywhere() -> None:
    text = "FROM scratch\nCOPY x /srv/here/\nRUN a\n"
    assert line(text, b"etc/key") == 3
    assert line(text, b"etc/key", b"srv") is None
    assert line(text, b"etc/key", b"srv/here") is None


def writers(
    text: str,
    times: dict[bytes, int],
    *,
    records: tuple[tuple[str, int, int], ...],
    written: dict[int, dict[bytes, int]] | None = None,
    context: frozenset[bytes] = frozenset(),
) -> dict[str, tuple[int | None, int | None]]:
    """Give by path the line that wrote it, and the one that it was copied from."""
    found = plan(parse(text, "Dockerfile"), platform=AMD)
    attribution = Attribution(
        evaluate(found, {}),
        lambda _: False,
        StepTrace(tuple(StepRecord(*one) for one in records), {}, written or {}),
        times.get,
        lambda path: path in context,
    )
    told = {}
    for path in times:
        one = attribution.writer(path)
        told[path.decode()] = (
            (one.step.where.line, one.origin.where.line if one.origin else None)
            if one
            else (None, None)
        )
    return told


def test_the_time_of_a_change_tells_which_run_it_was() -> None:
    told = writers(
        "FROM scratch\nRUN a\nRUN b\n",
        {b"first": 15, b"last": 40, b"edge": 30},
        records=(("0/1", 10, 20), ("0/2", 30, 40)),
    )
    # At the very beginning no step can have written yet.
    assert told == {"first": (2, None), "last": (3, None), "edge": (None, None)}


def test_what_is_written_between_two_steps_is_a_copy() -> None:
    text = "FROM scratch\nCOPY a /x/\nRUN a\nCOPY b c /x/\nWORKDIR /y\nRUN b\nCOPY d /z\n"
    told = writers(
        text,
        {b"x/a": 5, b"x/b": 25, b"x/c": 25, b"y": 26, b"z": 50, b"x/run": 15},
        records=(("0/2", 10, 20), ("0/5", 30, 40)),
        context=frozenset({b"a", b"b", b"c", b"d"}),
    )
    assert told == {
        "x/a": (2, None),
        "x/b": (4, None),
        "x/c": (4, None),
        "y": (5, None),
        "z": (7, None),
        "x/run": (3, None),
    }


def test_of_two_copies_the_one_that_has_the_file_wrote_it() -> None:
    text = "FROM scratch\nRUN a\nCOPY one/ /x/\nCOPY two/ /x/\n"
    told = writers(
        text,
        {b"x/a": 25, b"x/b": 25, b"x/both": 25},
        records=(("0/1", 10, 20),),
        context=frozenset({b"one/a", b"two/b", b"one/both", b"two/both"}),
    )
    # Where both have it, the last one wrote it.
    assert told == {"x/a": (3, None), "x/b": (4, None), "x/both": (4, None)}


MULTI = """\
FROM scratch AS one
RUN a
COPY late /made/late
FROM one AS two
COPY in /two/
RUN b
FROM two
COPY --from=one /made/ /out/
RUN c
"""


def test_copies_from_stages_are_followed() -> None:
    told = writers(
        MULTI,
        {b"out/file": 95, b"out/late": 95, b"out/unknown": 95, b"own": 105},
        records=(("0/1", 10, 20), ("1/2", 50, 60), ("2/2", 100, 110)),
        written={0: {b"made/file": 15}, 1: {b"two/in": 45, b"two/run": 55}},
        context=frozenset({b"late", b"in"}),
    )
    assert told == {
        "out/file": (8, 2),
        "out/late": (8, 3),
        "out/unknown": (8, None),
        "own": (9, None),
    }


def test_what_a_stage_below_made_is_its_own() -> None:
    told = writers(
        MULTI,
        # Unpacked when the last stage began.
        {b"two/in": 90, b"two/run": 90, b"made/late": 90},
        records=(("0/1", 10, 20), ("1/2", 50, 60), ("2/2", 100, 110)),
        written={0: {}, 1: {b"two/in": 45, b"two/run": 55, b"made/late": 41}},
        context=frozenset({b"late", b"in"}),
    )
    assert told == {"two/in": (5, None), "two/run": (6, None), "made/late": (3, None)}


def test_steps_that_were_not_noted_leave_it_open() -> None:
    text = "FROM scratch\nRUN a\nRUN b\n"
    told = writers(text, {b"file": 15}, records=(("0/1", 10, 20),))
    assert told == {"file": (None, None)}
