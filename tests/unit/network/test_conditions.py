"""Conditional and range requests against RFC 9110."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebit.network.conditions import Part, choose_part

SIZE = 1000
KEPT = {"etag": '"a"', "last-modified": "Mon, 01 Jan 2024 00:00:00 GMT"}
BEFORE = "Sun, 31 Dec 2023 00:00:00 GMT"
AFTER = "Tue, 02 Jan 2024 00:00:00 GMT"
WHOLE = Part(200, 0, SIZE)
NOT_MODIFIED = Part(304, 0, 0)
FAILED = Part(412, 0, 0)


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        ({}, WHOLE),
        ({"if-none-match": '"a"'}, NOT_MODIFIED),
        ({"if-none-match": 'W/"a"'}, NOT_MODIFIED),
        ({"if-none-match": '"x", "a"'}, NOT_MODIFIED),
        ({"if-none-match": "*"}, NOT_MODIFIED),
        ({"if-none-match": '"b"'}, WHOLE),
        ({"if-modified-since": AFTER}, NOT_MODIFIED),
        ({"if-modified-since": BEFORE}, WHOLE),
        ({"if-modified-since": "nonsense"}, WHOLE),
        # The entity tag decides when both are there.
        ({"if-none-match": '"b"', "if-modified-since": AFTER}, WHOLE),
        ({"if-match": '"b"'}, FAILED),
        ({"if-match": '"a"'}, WHOLE),
        ({"if-match": 'W/"a"'}, FAILED),
        ({"if-unmodified-since": BEFORE}, FAILED),
        ({"if-unmodified-since": AFTER}, WHOLE),
        ({"range": "bytes=0-0"}, Part(206, 0, 1)),
        ({"range": "bytes=990-2000"}, Part(206, 990, SIZE)),
        ({"range": "bytes=990-"}, Part(206, 990, SIZE)),
        ({"range": "bytes=-10"}, Part(206, 990, SIZE)),
        ({"range": "bytes=-5000"}, Part(206, 0, SIZE)),
        ({"range": "bytes=-0"}, Part(416, 0, 0)),
        ({"range": "bytes=1000-"}, Part(416, 0, 0)),
        ({"range": "bytes=5-2"}, WHOLE),
        ({"range": "bytes=0-1,5-6"}, WHOLE),
        ({"range": "lines=0-1"}, WHOLE),
        ({"range": "bytes=-"}, WHOLE),
        ({"range": "bytes=0-0", "if-range": '"a"'}, Part(206, 0, 1)),
        ({"range": "bytes=0-0", "if-range": '"b"'}, WHOLE),
        ({"range": "bytes=0-0", "if-range": 'W/"a"'}, WHOLE),
        ({"range": "bytes=0-0", "if-range": KEPT["last-modified"]}, Part(206, 0, 1)),
        ({"range": "bytes=0-0", "if-range": AFTER}, WHOLE),
    ],
)
def test_what_is_sent(asked: dict[str, str], part: Part) -> None:
    assert choose_part(asked, KEPT, SIZE) == part


def test_without_validators_everything_is_new() -> None:
    assert choose_part({"if-none-match": '"a"'}, {}, SIZE) == WHOLE
    assert choose_part({"if-modified-since": AFTER}, {}, SIZE) == WHOLE


@given(st.text(max_size=20), st.integers(0, 50))
def test_a_part_is_always_inside(text: str, size: int) -> None:
    part = choose_part({"range": f"bytes={text}"}, {}, size)
    assert 0 <= part.start <= part.end <= size
