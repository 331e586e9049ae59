from __future__ import annotations

import dataclasses

import pytest

from samebit.dockerfile.syntax import Flag, Heredoc, Instruction, Span
from samebit.errors import InternalError
from samebit.lock.model import (
    BaseReference,
    Lock,
    LockedBase,
    instructions_checksum,
    make_recipe,
    recipe_checksum,
)
from samebit.lock.staleness import staleness
from samebit.model.digest import Digest
from samebit.model.platform import Platform

AMD, ARM = Platform("linux", "amd64"), Platform("linux", "arm64")
ONE, TWO = Digest.of(b"1"), Digest.of(b"2")
SPAN = Span(0, 1, 1, 1, 1)


def instruction(keyword: str = "RUN", arguments: str = "make", **other: object) -> Instruction:
    return Instruction(keyword, f"{keyword} {arguments}", arguments, SPAN, **other)  # type: ignore[arg-type]


BASE = BaseReference("debian:12", AMD)
DEFAULTS: dict[str, object] = {
    "bases": [BASE],
    "target": None,
    "platforms": [AMD],
    "build_args": {"V": "1"},
}


def recipe(instructions: tuple[Instruction, ...] = (instruction(),), **changed: object):  # noqa: ANN201 - the fixture's own type
    return make_recipe(instructions, **{**DEFAULTS, **changed})  # type: ignore[arg-type]


def lock(**changed: object) -> Lock:
    made = recipe(**changed)  # type: ignore[arg-type]
    return Lock(
        epoch=1,
        recipe=made,
        bases=tuple(LockedBase(b.name, b.platform, ONE, (), b.made_from) for b in made.bases),
    )


class TestChecksum:
    @pytest.mark.parametrize(
        "changed",
        [
            instruction("CMD"),
            instruction(arguments="make all"),
            instruction(flags=(Flag("mount", "type=tmpfs", SPAN),)),
            instruction(flags=(Flag("mount", None, SPAN),)),
            instruction(heredocs=(Heredoc("EOF", "x\n", True, False, "x\nEOF\n", SPAN),)),  # noqa: FBT003 - a frozen value's own order
            instruction(heredocs=(Heredoc("EOF", "x\n", False, False, "x\nEOF\n", SPAN),)),  # noqa: FBT003 - as above
            instruction(trigger=instruction()),
        ],
    )
    def test_what_an_instruction_says_counts(self, changed: Instruction) -> None:
        assert instructions_checksum([changed]) != instructions_checksum([instruction()])

    def test_comments_and_places_do_not(self) -> None:
        moved = dataclasses.replace(
            instruction(), source="RUN \\\n# why\n make", span=Span(9, 30, 4, 1, 6)
        )
        assert instructions_checksum([moved]) == instructions_checksum([instruction()])

    def test_order_counts_for_instructions_only(self) -> None:
        first, second = instruction("A"), instruction("B")
        assert instructions_checksum([first, second]) != instructions_checksum([second, first])
        bases = [BaseReference("b", AMD), BaseReference("a", ARM)]
        assert recipe(bases=bases, platforms=[ARM, AMD]) == recipe(
            bases=bases[::-1], platforms=[AMD, ARM, AMD]
        )

    def test_it_is_stable(self) -> None:
        found = recipe_checksum([instruction()], None, [AMD], {"V": "1"}, [BASE])
        assert found == recipe().checksum
        # A change of this value would make every lock stale.
        assert str(found) == (
            "sha256:3c88f413482ead0a56ff13b0dfc8a6af1c84be6eb6a6b918b6ad76e738fb17cc"
        )

    def test_text_that_is_not_utf8_is_no_problem(self) -> None:
        assert instructions_checksum([instruction(arguments="\udcff")])

    def test_proxies_are_the_machines_affair(self) -> None:
        arguments = {"V": "1", "HTTP_PROXY": "http://u:p@proxy.example.org", "no_proxy": "x"}
        assert recipe(build_args=arguments) == recipe()


class TestLock:
    def test_bases_are_sorted(self) -> None:
        made = lock(bases=[BaseReference("b", AMD), BaseReference("a", ARM)])
        assert [base.name for base in made.bases] == ["a", "b"]
        found = made.base("b", AMD)
        assert found is not None
        assert found.digest == ONE
        assert made.base("b", ARM) is None

    def test_a_base_is_locked_once_and_asked_for(self) -> None:
        base = LockedBase("debian:12", AMD, ONE)
        with pytest.raises(InternalError, match="twice"):
            Lock(1, recipe(), (base, dataclasses.replace(base, digest=TWO)))
        with pytest.raises(InternalError, match="not the recipe's"):
            Lock(1, recipe(), ())
        with pytest.raises(InternalError, match="neither"):
            LockedBase("debian:12", AMD)


class TestStaleness:
    def test_the_same_recipe_is_fresh(self) -> None:
        assert staleness(lock(), recipe()) == ()

    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"instructions": (instruction("CMD"),)}, "the Dockerfile's instructions changed"),
            ({"target": "test"}, "the target is 'test', locked the last stage"),
            (
                {"platforms": [AMD, ARM]},
                "the platforms are linux/amd64, linux/arm64, locked linux/amd64",
            ),
            ({"build_args": {"V": "2"}}, "build arg V is '2', locked '1'"),
            ({"build_args": {}}, "build arg V is in the lock but not used any more"),
            ({"build_args": {"V": "1", "W": "x"}}, "build arg W is not in the lock"),
            (
                {"bases": [BASE, BaseReference("x:1", AMD)]},
                "base x:1 (linux/amd64) is not in the lock",
            ),
            ({"bases": []}, "base debian:12 (linux/amd64) is in the lock but not used any more"),
            (
                {"bases": [BaseReference("debian:12", AMD, ONE)]},
                "base debian:12 (linux/amd64) has another recipe in samebit.toml",
            ),
        ],
    )
    def test_every_difference_is_said(self, changed: dict[str, object], reason: str) -> None:
        assert staleness(lock(), recipe(**changed)) == (reason,)  # type: ignore[arg-type]
