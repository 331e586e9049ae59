"""Steps are told in the Dockerfile's order, whatever BuildKit starts, and tells, first."""

from __future__ import annotations

import pytest

from samebit.engines.buildx_order import StepOrder
from samebit.engines.buildx_words import StepNumbers

STEPS = StepNumbers.of(
    "FROM b AS s0\nRUN a\nCOPY --from=x a b\nRUN c\n"
    "FROM b AS s1\nRUN d\nCOPY --from=s0 a b\nRUN e\n"
)
FIRST, COPY, SECOND = "[s0 1/3] RUN a", "[s0 2/3] COPY --from=x a b", "[s0 3/3] RUN c"
OTHER, COPIED, LAST = "[s1 1/3] RUN d", "[s1 2/3] COPY --from=s0 a b", "[s1 3/3] RUN e"


def test_a_run_that_waits_is_not_told_before_the_one_it_waits_for() -> None:
    order = StepOrder(STEPS)
    assert order.next([OTHER], set()) == []
    assert order.next([FIRST], set()) == [(1, 2)]
    assert order.next([], {FIRST}) == []
    assert order.next([COPY, SECOND], {FIRST, COPY}) == [(1, 3), (1, 4)]
    assert order.next([], {FIRST, COPY, SECOND}) == [(2, 2)]


def test_what_has_ended_is_told_even_where_nothing_was_heard_of_another() -> None:
    assert StepOrder(STEPS).next([OTHER], {OTHER}) == [(2, 2)]


@pytest.mark.parametrize("early", range(7))
def test_all_are_told_once_and_in_order(early: int) -> None:
    """The second stage's first RUN starts at any time, and ends after the first stage."""
    events = [(name, end) for name in (FIRST, COPY, SECOND) for end in (False, True)]
    events.insert(early, (OTHER, False))
    events += [(OTHER, True), *((name, end) for name in (COPIED, LAST) for end in (False, True))]
    order, ended, told = StepOrder(STEPS), set[str](), []
    for name, end in events:
        ended |= {name} if end else set()
        told += order.next([] if end else [name], ended)
    assert told == [(1, 2), (1, 3), (1, 4), (2, 2), (2, 3), (2, 4)]
