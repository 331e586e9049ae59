"""Long runs over the readers of untrusted bytes: many small changes, stacked upon each other."""

from __future__ import annotations

import random

import pytest
from untrusted_readers import READERS, attempt

pytestmark = pytest.mark.prove

ROUNDS = 20_000
PIECES = (b"", b"\0", b"\xff" * 8, b"9" * 20, b'"', b"{", b"[" * 2_000, b"../", b"\n", b"${", b"<<")


def changed(chance: random.Random, data: bytes, others: tuple[bytes, ...]) -> bytes:
    """Change a few bytes: flip, cut, repeat, insert, or take from elsewhere."""
    result = bytearray(data)
    for _ in range(chance.randint(1, 6)):
        start = chance.randrange(len(result) + 1)
        end = min(len(result), start + chance.choice((0, 1, 1, 4, 12, 100, 512)))
        other = chance.choice(others)
        at = chance.randrange(len(other))
        piece = chance.choice(
            (
                chance.choice(PIECES),
                chance.randbytes(end - start),
                bytes(result[start:end]) * 2,
                other[at : at + 64],
            )
        )
        result[start:end] = piece
    return bytes(result)


@pytest.mark.parametrize("name", READERS)
def test_changed_bytes_are_an_answer_or_an_error(name: str) -> None:
    reader = READERS[name]
    chance = random.Random(name)
    for number in range(ROUNDS):
        data = changed(chance, chance.choice(reader.seeds), reader.seeds)
        try:
            attempt(reader, data)
        except BaseException as error:
            error.add_note(f"round {number}: {data!r}")
            raise
