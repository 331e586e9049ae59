"""Whatever bytes they get, readers give an answer or a SamebitError, in bounded memory."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from untrusted_readers import READERS, attempt


@st.composite
def changed(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Give a seed with some of its bytes replaced, removed, repeated or taken from another."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 24)))
        piece = draw(
            st.one_of(
                st.just(b""),
                st.just(bytes(data[start:end]) * 3),
                st.binary(min_size=1, max_size=8),
                st.sampled_from([b"0", b"\xff" * 8, b"99999999999", b'"', b"{", b"[" * 50, b"\0"]),
            )
        )
        data[start:end] = piece
    return bytes(data)


@pytest.mark.parametrize("name", READERS)
def test_seeds_are_read(name: str) -> None:
    for seed in READERS[name].seeds:
        READERS[name].read(seed)


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_changed_bytes_are_an_answer_or_an_error(name: str, data: st.DataObject) -> None:
    attempt(READERS[name], data.draw(changed(READERS[name].seeds)))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=20, deadline=None)
@given(data=st.binary(max_size=1500))
def test_any_bytes_are_an_answer_or_an_error(name: str, data: bytes) -> None:
    attempt(READERS[name], data)
