from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from samebit.canonical.json import decode, encode
from samebit.errors import InputError

texts = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=20,
)


@given(values)
def test_round_trip_and_stability(value: object) -> None:
    data = encode(value)
    assert decode(data, "x") == value
    assert json.loads(data) == value
    assert encode(decode(data, "x")) == data


@given(st.dictionaries(texts, st.integers(0, 9), min_size=2))
def test_insertion_order_does_not_matter(value: dict[str, int]) -> None:
    assert encode(dict(reversed(value.items()))) == encode(value)


@given(st.binary(max_size=200) | st.text(max_size=50).map(lambda t: json.dumps(t).encode()))
def test_decode_gives_a_value_or_an_input_error(data: bytes) -> None:
    try:
        value = decode(data, "x")
    except InputError:
        return
    assert json.loads(data) == value or value != value  # noqa: PLR0124 - NaN cannot get here
