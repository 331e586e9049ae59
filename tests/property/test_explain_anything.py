"""Explaining never raises and never claims more than it was given, whatever the bytes are."""

from __future__ import annotations

import sys
from pathlib import Path

from explained import A, B
from hypothesis import given, settings
from hypothesis import strategies as st

from samebit.explain.content import Held
from samebit.explain.entries import explain_names
from samebit.explain.explain import explain
from samebit.explain.protocol import Pair

# Beginnings that make a reader look further.
MAGICS = (
    b"", b"\x7fELF\x02\x01\x01", b"\x1f\x8b\x08\x08", b"\xfd7zXZ\x00", b"PK\x03\x04", b"070701",
    b"!<arch>\n", b"SQLite format 3\0", b"DIRC", b"{", b"PID USER COMMAND\n", b"PATH=/\nHOME=/\n",
    b"\xa7\r\r\n", b"-----BEGIN KEY-----",
)  # fmt: skip
TEXT = st.text(alphabet="abA1290.:-/=$ \n\t@xX", max_size=200).map(str.encode)
BYTES = st.binary(max_size=300)


@settings(max_examples=80)
@given(magic=st.sampled_from(MAGICS), a=TEXT | BYTES, b=TEXT | BYTES, known=st.booleans())
def test_any_two_contents(magic: bytes, a: bytes, b: bytes, known: bool) -> None:
    facts = (A, B) if known else ()
    found = explain(Pair(b"srv/f", Held(magic + a), Held(magic + b), *facts))
    assert found.unexplained >= 0
    names = [cause.name for cause in found.causes]
    assert len(set(names)) == len(names)
    if a == b:
        assert found.causes == ()


@settings(max_examples=40)
@given(at=st.integers(0, 4000), value=st.integers(0, 255), cut=st.integers(64, 20_000))
def test_damaged_programs(at: int, value: int, cut: int) -> None:
    whole = Path(sys.executable).resolve().read_bytes()[:20_000]
    damaged = bytearray(whole[:cut])
    damaged[at % cut] = value
    explain(Pair(b"bin/f", Held(whole), Held(bytes(damaged))))
    explain(Pair(b"bin/f", Held(bytes(damaged)), Held(bytes(damaged[::-1]))))


@settings(max_examples=40)
@given(
    a=st.lists(st.from_regex(rb"[a-c]{1,3}/[a-f0-9._-]{1,14}", fullmatch=True), max_size=8),
    b=st.lists(st.from_regex(rb"[a-c]{1,3}/[a-f0-9._-]{1,14}", fullmatch=True), max_size=8),
)
def test_names_are_paired_once(a: list[bytes], b: list[bytes]) -> None:
    only_a, only_b = sorted(set(a) - set(b)), sorted(set(b) - set(a))
    renamed = explain_names(only_a, only_b, (A, B))
    for paths in ([one.path_a for one in renamed], [one.path_b for one in renamed]):
        assert len(set(paths)) == len(paths)
