"""DNS in the build namespace."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samebit.network.names import Names, answer
from samebit.network.namespaces import LINK_NETWORK, NAMES_NETWORK


def question(name: str, kind: int, number_class: int = 1, flags: int = 0x100) -> bytes:
    labels = b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"
    return (
        struct.pack("!HHHHHH", 7, flags, 1, 0, 0, 0)
        + labels
        + struct.pack("!HH", kind, number_class)
    )


def test_a_name_has_one_address_in_every_run() -> None:
    first, second = Names(), Names()
    second.address("other.example.org")
    assert first.address("deb.example.org") == second.address("DEB.example.org.")
    assert first.name(str(first.address("deb.example.org"))) == "deb.example.org"
    assert first.name("198.18.0.1") is None


@given(st.lists(st.text(min_size=1, max_size=30), max_size=50, unique_by=str.lower))
def test_names_have_different_addresses_in_the_range(texts: list[str]) -> None:
    names = Names()
    found = {name: names.address(name) for name in texts if "localhost" not in name.lower()}
    folded = {name.lower().rstrip(".") for name in found}
    assert len(set(found.values())) == len(folded)
    assert all(a in NAMES_NETWORK and a not in LINK_NETWORK for a in found.values())


def test_names_that_share_a_hash_get_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    class Same:
        def digest(self) -> bytes:
            return b"\0" * 32

    monkeypatch.setattr("hashlib.sha256", lambda _: Same())
    names = Names()
    assert [str(names.address(n)) for n in ("a", "b", "a")] == [
        "198.18.0.1", "198.18.0.2", "198.18.0.1",
    ]  # fmt: skip


def test_localhost_stays_in_the_namespace() -> None:
    for name in ("localhost", "app.localhost", "LOCALHOST."):
        assert Names().address(name) == IPv4Address("127.0.0.1")


def test_an_address_is_answered() -> None:
    names = Names()
    reply = answer(question("deb.example.org", 1), names)
    assert reply is not None
    assert reply.refused is None
    identity, flags, questions, answers, *_ = struct.unpack_from("!HHHHHH", reply.message)
    assert (identity, flags, questions, answers) == (7, 0x8580, 1, 1)
    assert reply.message.endswith(b"\0\4" + names.address("deb.example.org").packed)


@pytest.mark.parametrize(
    ("kind", "code", "refused"),
    [
        (28, 0, None),
        (33, 0, None),
        (65, 0, None),
        (12, 3, None),
        (16, 5, "DNS TXT of deb.example.org"),
        (15, 5, "DNS MX of deb.example.org"),
        (999, 5, "DNS type 999 of deb.example.org"),
    ],
)
def test_other_questions_are_empty_or_refused(kind: int, code: int, refused: str | None) -> None:
    reply = answer(question("deb.example.org", kind), Names())
    assert reply is not None
    _, flags, _, answers, *_ = struct.unpack_from("!HHHHHH", reply.message)
    assert (flags & 15, answers, reply.refused) == (code, 0, refused)


def test_updates_and_nonsense() -> None:
    update = answer(question("a", 6, flags=5 << 11), Names())
    assert update is not None
    assert update.refused is not None
    assert answer(b"\0" * 5, Names()) is None
    assert answer(question("a", 1, flags=0x8000), Names()) is None


@given(st.binary(max_size=80))
def test_no_message_breaks_it(message: bytes) -> None:
    answer(message, Names())
