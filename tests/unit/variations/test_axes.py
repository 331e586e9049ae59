"""Every axis, discovered: what it changes, and that it says so."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from samebit.variations.apply import vary
from samebit.variations.protocol import Conditions, Machine, NotVaried, Varied
from samebit.variations.registry import all_axes

NAMES = [axis.name for axis in all_axes()]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(
        number=1,
        processors=(0, 1, 4),
        home=tmp_path,
        driver="overlay",
        engine="buildah",
        program="/usr/bin/buildah",
        other_engine="",
        other_runtime="/usr/bin/crun",
        no_user_namespace="",
        space=1,
        memory=1 << 40,
        temporary=tmp_path,
    )


def test_the_axes_are_found() -> None:
    assert {"clock", "processors", "host-name", "directory-order", "umask"} <= set(NAMES)
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("name", NAMES)
def test_each_changes_something_or_says_why_not(name: str, machine: Machine) -> None:
    axis = next(axis for axis in all_axes() if axis.name == name)
    found = axis.apply(Conditions(), machine)
    if isinstance(found, NotVaried):
        assert found.reason
    else:
        assert found.conditions != Conditions()
        assert found.how


@pytest.mark.parametrize("number", [1, 2, 3, 7])
def test_each_build_has_fewer_processors(machine: Machine, number: int) -> None:
    found = vary({"processors"}, replace(machine, number=number))
    assert 0 < len(found.conditions.step.processors) < 3


def test_one_processor_cannot_become_fewer(machine: Machine) -> None:
    found = vary({"processors"}, replace(machine, processors=(3,)))
    assert found.not_varied == {"processors": "there is only one"}
    assert found.conditions == Conditions()


def test_a_storage_that_does_not_fit_is_not_moved(machine: Machine) -> None:
    found = vary({"directory-order"}, replace(machine, space=1 << 60))
    assert "directory-order" in found.not_varied


def test_axes_add_up(machine: Machine) -> None:
    found = vary({"kernel", "address-layout", "mtimes", "umask", "locale", "time-zone"}, machine)
    conditions = found.conditions
    # UNAME26 and ADDR_NO_RANDOMIZE of <sys/personality.h>.
    assert conditions.step.personality == 0x0060000
    assert conditions.context.times
    assert conditions.context.modes
    assert not conditions.context.order
    assert {name for name, _ in conditions.engine.environment} == {"LANG", "LC_ALL", "TZ"}


def test_the_environment_of_run_is_left_alone(machine: Machine) -> None:
    found = vary(NAMES, machine)
    assert not {"SOURCE_DATE_EPOCH", "PYTHONHASHSEED", "ZERO_AR_DATE", "TZ", "LANG", "HOME"} & set(
        found.conditions.step.variables
    )


def test_a_storage_elsewhere_has_another_path_already(machine: Machine) -> None:
    if os.stat("/dev/shm").st_dev == os.stat(machine.home).st_dev:
        pytest.skip("the temporary folder lies in memory")
    both = vary({"directory-order", "path"}, machine)
    assert isinstance(both.conditions.engine.place, Path)
    assert both.conditions.engine.place != machine.home
    assert vary({"path"}, machine).conditions.engine.place == machine.home


def test_varied_values_are_frozen(machine: Machine) -> None:
    axis = next(axis for axis in all_axes() if axis.name == "host-name")
    found = axis.apply(Conditions(), machine)
    assert isinstance(found, Varied)
    assert found.conditions.step.host_name != "samebit"


def test_the_documentation_names_every_axis() -> None:
    text = (Path(__file__).parents[3] / "docs" / "verify.md").read_text("utf-8")
    assert [name for name in NAMES if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", ["engine", "user"])
def test_buildkit_is_not_called_varied(machine: Machine, name: str) -> None:
    found = vary({name}, replace(machine, engine="buildkit", other_engine="/bin/true"))
    assert found.varied == {}
    assert "buildkit" in found.not_varied[name]
