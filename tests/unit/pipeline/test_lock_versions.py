from __future__ import annotations

from dataclasses import replace

from samebit.lock.model import ENVIRONMENT_SET, NORMALISER_SET, Lock, make_recipe
from samebit.model.platform import Platform
from samebit.pipeline.recipe import new_lock

RECIPE = make_recipe(
    [], bases=[], target=None, platforms=[Platform("linux", "amd64")], build_args={}
)


def test_an_extended_lock_keeps_the_sets_it_was_made_with() -> None:
    old = replace(Lock(5, RECIPE), normalisers=0)
    assert new_lock(RECIPE, [], 5, old, None).normalisers == 0
    assert new_lock(RECIPE, [], 5, old, "debian").normalisers == 0


def test_a_new_one_and_one_made_anew_have_the_newest() -> None:
    old = replace(Lock(5, RECIPE), normalisers=0)
    for lock in (new_lock(RECIPE, [], 5, None, None), new_lock(RECIPE, [], 5, old, "*")):
        assert (lock.normalisers, lock.environment) == (NORMALISER_SET, ENVIRONMENT_SET)
