from __future__ import annotations

from typing import cast

import pytest

from samebit.errors import BuildFailedError
from samebit.pipeline.verify_builds import VerifiedBuild, without_failing
from samebit.variations.apply import Variation
from samebit.variations.protocol import Conditions

RISKY = (frozenset({"clock"}), frozenset({"kernel", "storage"}), frozenset({"clock", "kernel"}))


class Builds:
    """Builds that fail under any of some axes."""

    def __init__(self, *failing: frozenset[str]) -> None:
        self.failing = failing
        self.tried: list[frozenset[str]] = []

    def vary(self, names: frozenset[str]) -> Variation:
        return Variation(Conditions(), dict.fromkeys(sorted(names), "so"), {})

    def build(self, variation: Variation) -> VerifiedBuild:
        axes = frozenset(variation.varied)
        self.tried.append(axes)
        if any(one <= axes for one in self.failing):
            raise BuildFailedError(f"attempt {len(self.tried)} ended with exit status 3")
        return cast("VerifiedBuild", axes)


ALL = frozenset({"clock", "kernel", "host-name"})


def run(builds: Builds, names: frozenset[str] = ALL) -> tuple[object, dict[str, str]]:
    return without_failing(names, RISKY, builds.vary, builds.build)


def test_a_build_that_works_is_made_once() -> None:
    builds = Builds()
    assert run(builds) == (ALL, {})
    assert builds.tried == [ALL]


def test_only_what_has_to_be_is_left_out() -> None:
    found, left_out = run(Builds(frozenset({"kernel"})))
    assert found == {"clock", "host-name"}
    assert list(left_out) == ["kernel"]
    # The reason is the first failure's.
    assert "attempt 1" in left_out["kernel"]


def test_several_may_be_left_out_together() -> None:
    found, left_out = run(Builds(frozenset({"kernel"}), frozenset({"clock"})))
    assert found == {"host-name"}
    assert set(left_out) == {"clock", "kernel"}


def test_what_is_not_varied_is_not_tried_without() -> None:
    builds = Builds(frozenset({"clock"}))
    run(builds, frozenset({"clock", "host-name"}))
    assert builds.tried == [{"clock", "host-name"}, {"host-name"}]


def test_a_failure_that_stays_is_raised_as_it_was() -> None:
    with pytest.raises(BuildFailedError, match="attempt 1"):
        run(Builds(frozenset({"host-name"})))
