"""Where two contents differ: complete, ordered, and right about the rest."""

from __future__ import annotations

import gzip
import random

from explained import A, B, make_tar
from hypothesis import given
from hypothesis import strategies as st

from samebit.explain.content import Held
from samebit.explain.explain import explain
from samebit.explain.hunks import MOST_HUNKS, Hunk, find_hunks
from samebit.explain.protocol import Pair


def hunks(a: bytes, b: bytes) -> list[Hunk]:
    return list(find_hunks(Held(a), Held(b)).places)


def patched(a: bytes, b: bytes) -> bytes:
    """Rebuild b from a and the places alone."""
    parts = []
    position = 0
    for hunk in hunks(a, b):
        parts += [a[position : hunk.start_a], b[hunk.start_b : hunk.end_b]]
        position = hunk.end_a
    return b"".join([*parts, a[position:]])


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40), st.sampled_from([b"x" * 30, bytes(range(60)), b"line\n" * 9])
    ),
    max_size=8,
)


@given(PIECES, PIECES)
def test_the_rest_is_the_same(left: list[bytes], right: list[bytes]) -> None:
    assert patched(b"".join(left), b"".join(right)) == b"".join(right)


@given(st.binary(min_size=1, max_size=300), st.data())
def test_one_changed_byte_is_one_place(content: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(content) - 1))
    other = bytearray(content)
    other[at] ^= 0xFF
    assert hunks(content, bytes(other)) == [Hunk(at, at + 1, at, at + 1)]


def test_what_was_inserted_is_found_between_the_same() -> None:
    lines = b"".join(b"this is line %d of the file\n" % n for n in range(200))
    middle = len(lines) // 2
    added = lines[:middle] + b"<inserted>" + lines[middle:]
    assert hunks(lines, added) == [Hunk(middle, middle, middle, middle + 10)]
    twice = b"start!" + added
    assert len(hunks(lines, twice)) == 2


def test_too_many_places_are_cut() -> None:
    a = bytes(100_000)
    b = bytearray(a)
    for at in range(0, len(b), 40):
        b[at] = 1
    found = find_hunks(Held(a), Held(bytes(b)))
    assert not found.complete
    assert len(found.places) == MOST_HUNKS


@given(st.binary(max_size=600), st.binary(max_size=600))
def test_no_bytes_make_a_cause_raise(a: bytes, b: bytes) -> None:
    explain(Pair(b"x/index", Held(a), Held(b), A, B))


def test_damaged_archives_do_not_raise() -> None:
    seeded = random.Random(7)
    whole = gzip.compress(make_tar(1777888801), mtime=1)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[seeded.randrange(len(damaged))] ^= 1 << seeded.randrange(8)
        explain(
            Pair(
                b"x.tar.gz", Held(whole), Held(bytes(damaged[: seeded.randrange(len(whole))])), A, B
            )
        )
