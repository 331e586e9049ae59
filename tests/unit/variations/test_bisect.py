from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebit.variations.bisect import Blame, by_likelihood, find_axes

AXES = tuple(f"axis-{number:02}" for number in range(16))


class Builds:
    """Builds whose paths differ as a table says: each under one of several sets of axes."""

    def __init__(self, table: Mapping[bytes, tuple[frozenset[str], ...]]) -> None:
        self.table = table
        self.made: list[frozenset[str]] = []

    def __call__(self, axes: frozenset[str]) -> frozenset[bytes] | None:
        self.made.append(axes)
        return frozenset(
            path for path, needed in self.table.items() if any(one <= axes for one in needed)
        )


def alone(*axes: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset({axis}) for axis in axes)


def search(builds: Callable[[frozenset[str]], frozenset[bytes] | None], *paths: bytes) -> Blame:
    return find_axes(frozenset(paths), AXES, builds, budget=100)


def test_one_axis_is_found_in_few_builds() -> None:
    builds = Builds({b"a": alone("axis-11")})
    found = search(builds, b"a")
    assert found.axes == {b"a": ["axis-11"]}
    # The control, four halvings, the axis itself, and all others.
    assert found.builds == len(builds.made) <= 7


def test_the_control_comes_first_and_excuses_every_axis() -> None:
    builds = Builds({b"a": (frozenset(),)})
    found = search(builds, b"a")
    assert found.unvaried == {b"a"}
    assert found.axes == {}
    assert builds.made == [frozenset()]


def test_paths_have_axes_of_their_own() -> None:
    table = {b"a": alone("axis-03"), b"b": alone("axis-12"), b"c": (frozenset(),)}
    found = search(Builds(table), *table)
    assert found.axes == {b"a": ["axis-03"], b"b": ["axis-12"]}
    assert found.unvaried == {b"c"}


def test_a_hint_is_tried_before_halving() -> None:
    builds = Builds({b"a": alone("axis-11")})
    found = find_axes(
        frozenset({b"a"}), AXES, builds, budget=100, hints={b"a": {"axis-11", "unknown"}}
    )
    assert found.axes == {b"a": ["axis-11"]}
    alone_then_rest = [frozenset({"axis-11"}), frozenset(AXES) - {"axis-11"}]
    assert builds.made == [frozenset(), *alone_then_rest]


def test_a_wrong_hint_blames_nobody() -> None:
    found = find_axes(
        frozenset({b"a"}),
        AXES,
        Builds({b"a": alone("axis-11")}),
        budget=100,
        hints={b"a": {"axis-02"}},
    )
    assert found.axes == {b"a": ["axis-11"]}


def test_what_needs_two_axes_is_not_blamed_on_one() -> None:
    found = search(Builds({b"a": (frozenset({"axis-01", "axis-14"}),)}), b"a")
    assert found.axes == {}
    assert b"a" in found.together


def test_builds_are_bounded() -> None:
    table = {b"%d" % number: alone(axis) for number, axis in enumerate(AXES)}
    builds = Builds(table)
    found = find_axes(frozenset(table), AXES, builds, budget=5)
    assert len(builds.made) == found.builds == 5


def test_a_build_that_fails_blames_nobody() -> None:
    found = search(lambda _: None, b"a")
    assert found == Blame(builds=found.builds)


def test_the_axis_inside_another_is_preferred() -> None:
    table = {b"a": alone("order", "path"), b"b": alone("order")}
    found = find_axes(
        frozenset(table),
        ("order", "path", "other", "one"),
        Builds(table),
        budget=20,
        hints={b"a": {"order"}, b"b": {"order"}},
        includes={"order": "path"},
    )
    assert found.axes == {b"a": ["path"], b"b": ["order"]}


def test_likely_axes_come_first() -> None:
    assert by_likelihood(("a", "b", "c"), ("c", "x", "b")) == ["c", "b", "a"]


@given(
    st.dictionaries(
        st.binary(min_size=1, max_size=2),
        st.sets(st.sampled_from(AXES), min_size=1, max_size=3),
        max_size=6,
    )
)
def test_only_axes_that_do_it_alone_are_blamed(table: dict[bytes, set[str]]) -> None:
    builds = Builds({path: alone(*axes) for path, axes in table.items()})
    found = search(builds, *table)
    # All of them, where there are enough builds.
    assert {path: set(axes) for path, axes in found.axes.items()} == table
    assert not found.together


@pytest.mark.parametrize("budget", range(4))
def test_without_builds_nothing_is_claimed(budget: int) -> None:
    found = find_axes(frozenset({b"a"}), AXES, Builds({b"a": alone("axis-11")}), budget=budget)
    assert found.axes == {}
    assert found.unvaried == frozenset()
