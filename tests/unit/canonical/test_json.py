from __future__ import annotations

import enum

import pytest

from samebit.canonical.json import decode, encode
from samebit.errors import InputError, InternalError


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({}, b"{}"),
        ([], b"[]"),
        ((1, "a"), b'[1,"a"]'),
        (None, b"null"),
        ({"b": True, "a": False}, b'{"a":false,"b":true}'),
        (0, b"0"),
        (-(2**53) + 1, b"-9007199254740991"),
        ("", b'""'),
        ("a/b", b'"a/b"'),
        ("\x00\x08\t\n\x0b\x0c\r\x1f\x7f", b'"\\u0000\\b\\t\\n\\u000b\\f\\r\\u001f\x7f"'),
        ('"\\', b'"\\"\\\\"'),
        ("é\u2028😂", '"é\u2028😂"'.encode()),
        ("<>&", b'"<>&"'),
        ({"a": [{"d": 1, "c": None}]}, b'{"a":[{"c":null,"d":1}]}'),
    ],
)
def test_encode(value: object, expected: bytes) -> None:
    assert encode(value) == expected


def test_keys_are_ordered_by_utf16_code_units() -> None:
    # The example of RFC 8785 section 3.2.3.
    keys = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\x80", "\xf6"]
    ordered = ["\r", "1", "\x80", "\xf6", "\u20ac", "\U0001f600", "\ufb33"]
    encoded = encode(dict.fromkeys(keys, 0)).decode()
    assert list(decode(encoded.encode(), "x")) == ordered  # type: ignore[arg-type]
    assert encoded.index("\U0001f600") < encoded.index("\ufb33")


def test_int_subclass_is_written_as_its_number() -> None:
    assert encode(enum.IntEnum("Colour", ["RED"])(1)) == b"1"


@pytest.mark.parametrize("value", [1.0, float("nan"), {"a": [0.5]}, 2**53, -(2**53)])
def test_numbers_that_do_not_survive_are_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"float|53 bits"):
        encode(value)


@pytest.mark.parametrize("value", ["\ud800", {"\udfff": 1}, ["a\udc80"]])
def test_lone_surrogates_are_refused(value: object) -> None:
    with pytest.raises(InputError, match="Unicode"):
        encode(value)


@pytest.mark.parametrize("value", [b"x", {1: 2}, {"a": {1}}, object()])
def test_values_outside_json_are_our_bug(value: object) -> None:
    with pytest.raises(InternalError):
        encode(value)


def test_error_names_the_place() -> None:
    with pytest.raises(InputError, match=r"\$\.config\.Env\[1\]"):
        encode({"config": {"Env": ["a", 1.5]}})


def test_decode_reads_plain_documents() -> None:
    assert decode(b' {"a": [1, 2.5, "\\ud83d\\ude02", null]}\n', "x") == {"a": [1, 2.5, "😂", None]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not valid JSON"),
        (b"{", "not valid JSON"),
        (b"{} {}", "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b'"\xff"', "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b'{"a":1,"a":1}', "twice"),
        (b'[{"b":{"a":1,"\\u0061":2}}]', "twice"),
        (b"NaN", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"1e999", "out of range"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udc00":1}', "surrogate"),
        (b'"\x01"', "not valid JSON"),
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b"[" * 500_000, "deeper than 64"),
        (b'{"a":' * 100_000, "deeper than 64"),
        (b"1" * 5000, "not valid JSON"),
        (b" " * 1001, "more than the 1000"),
    ],
)
def test_decode_refuses(data: bytes, message: str) -> None:
    limit = 1000 if message.startswith("more") else 16 << 20
    with pytest.raises(InputError, match=message) as caught:
        decode(data, "the config", max_size=limit)
    assert str(caught.value).startswith("the config: ")


def test_depth_limit_is_exact() -> None:
    assert decode(b"[" * 64 + b"]" * 64, "x")
    assert decode(b"[[1]]", "x", max_depth=2) == [[1]]
    with pytest.raises(InputError, match="deeper than 1"):
        decode(b"[[1]]", "x", max_depth=1)
