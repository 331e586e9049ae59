from __future__ import annotations

import contextlib
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from samebit.errors import SamebitError
from samebit.lock.model import Lock, LockedBase, Recipe
from samebit.lock.toml import format_lock, parse_lock
from samebit.model.digest import Digest
from samebit.model.hardening import HardenedVariable, Hardening, HardeningMode
from samebit.model.platform import Platform

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
digests = st.binary(max_size=4).map(Digest.of)
platforms = st.sampled_from(["linux/amd64", "linux/arm64", "linux/arm/v7"]).map(Platform.parse)


modes: st.SearchStrategy[HardeningMode] = st.sampled_from(("append", "set-if-absent"))
variables = st.builds(HardenedVariable, texts, texts, modes, texts)
hardenings = st.builds(Hardening, st.lists(variables, max_size=2).map(tuple), st.booleans())


@st.composite
def bases(draw: st.DrawFn) -> LockedBase:
    digest = draw(st.none() | digests)
    diff_ids = draw(st.lists(digests, min_size=0 if digest else 1, max_size=3))
    return LockedBase(
        draw(texts), draw(platforms), digest, tuple(diff_ids), draw(st.none() | digests)
    )


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    locked = draw(st.lists(bases(), max_size=4, unique_by=lambda b: (b.name, b.platform)))
    recipe = Recipe(
        draw(digests),
        tuple(base.reference for base in locked),
        draw(st.none() | texts),
        tuple(draw(st.lists(platforms, max_size=3))),
        tuple(draw(st.dictionaries(texts, texts, max_size=4)).items()),
        hardening=draw(hardenings),
    )
    return Lock(draw(st.integers(0, (1 << 33) - 1)), recipe, tuple(locked))


@given(locks())
def test_a_lock_survives_its_file(lock: Lock) -> None:
    text = format_lock(lock)
    assert parse_lock(text.encode(), "x") == lock
    assert format_lock(parse_lock(text.encode(), "x")) == text


@given(locks(), st.data())
def test_a_damaged_file_is_an_error_or_the_same_kind_of_lock(
    lock: Lock, data: st.DataObject
) -> None:
    raw = bytearray(format_lock(lock).encode())
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] = data.draw(st.integers(0, 255))
    with contextlib.suppress(SamebitError):
        parse_lock(bytes(raw), "x")


@given(st.dictionaries(texts, texts, max_size=3))
def test_every_key_and_value_is_toml(arguments: dict[str, str]) -> None:
    recipe = Recipe(Digest.of(b""), (), None, (), tuple(arguments.items()))
    document = tomllib.loads(format_lock(Lock(1, recipe)))
    assert document["recipe"].get("build-args", {}) == arguments
