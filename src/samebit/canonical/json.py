"""Canonical JSON (RFC 8785) for what we write, a strict decoder for what others wrote."""

from __future__ import annotations

import json
from typing import NoReturn, TypeAlias

from samebit.errors import InputError, InternalError

JsonValue: TypeAlias = (
    "dict[str, JsonValue] | list[JsonValue] | tuple[JsonValue, ...] | str | int | bool | None"
)

# RFC 8785 section 3.2.2.3 inherits ECMAScript numbers: integers beyond this lose bits elsewhere.
_MAX_SAFE_INTEGER = 2**53 - 1

# The standard encoder escapes exactly what RFC 8785 section 3.2.2.2 asks for, with lower-case hex.
_quote = json.JSONEncoder(ensure_ascii=False).encode


def encode(value: object) -> bytes:
    """Encode `value` as RFC 8785 canonical JSON, without a final newline.

    Takes dicts with string keys, lists, tuples, strings, booleans, None and integers of at most 53
    bits. Raises InputError for what JSON can say but the canonical form refuses (floats, larger
    integers, lone surrogates) and InternalError for values that are not JSON at all.
    """
    parts: list[str] = []
    _append(value, parts, "$")
    try:
        return "".join(parts).encode("utf-8")
    except UnicodeEncodeError as error:
        text = error.object[max(0, error.start - 20) : error.start + 20]
        raise InputError(
            f"text that is not valid Unicode cannot be written as canonical JSON: {text!a}",
            fix="values in image metadata must be UTF-8",
        ) from None


def _append(value: object, parts: list[str], where: str) -> None:
    if isinstance(value, str):
        parts.append(_quote(value))
    elif value is None:
        parts.append("null")
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, int):
        if not -_MAX_SAFE_INTEGER <= value <= _MAX_SAFE_INTEGER:
            raise InputError(f"{where}: the integer {value} has more than 53 bits")
        parts.append(str(int(value)))
    elif isinstance(value, dict):
        _append_object(value, parts, where)
    elif isinstance(value, list | tuple):
        parts.append("[")
        for index, item in enumerate(value):
            if index:
                parts.append(",")
            _append(item, parts, f"{where}[{index}]")
        parts.append("]")
    elif isinstance(value, float):
        raise InputError(f"{where}: canonical JSON of images holds no floats, found {value!r}")
    else:
        raise InternalError(f"{where}: a {type(value).__name__} is not a JSON value")


def _append_object(value: dict[object, object], parts: list[str], where: str) -> None:
    for key in value:
        if not isinstance(key, str):
            raise InternalError(f"{where}: the object key {key!r} is not a string")
    separator = "{"
    # RFC 8785 section 3.2.3: keys are ordered by UTF-16 code units, not by code points.
    for key in sorted(value, key=_utf16):
        parts.append(separator)
        parts.append(_quote(key))
        parts.append(":")
        _append(value[key], parts, f"{where}.{key}")
        separator = ","
    parts.append("}" if separator == "," else "{}")


def _utf16(key: object) -> bytes:
    return str(key).encode("utf-16-be", "surrogatepass")


def decode(
    data: bytes, what: str, *, max_size: int = 16 << 20, max_depth: int = 64
) -> JsonValue | float:
    """Read one JSON document (RFC 8259) that somebody else wrote.

    `what` names the document in errors, `max_size` is in bytes. Raises InputError unless `data` is
    UTF-8 without a byte order mark, within the limits, and free of duplicate keys, lone surrogates,
    NaN and infinities. Floats inside are kept as floats.
    """
    if len(data) > max_size:
        raise InputError(f"{what}: {len(data)} bytes of JSON, more than the {max_size} allowed")
    try:
        value: JsonValue | float = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError:
        raise InputError(f"{what}: JSON nested deeper than {max_depth} levels") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{what}: not UTF-8 at byte {error.start}") from None
    except ValueError as error:
        raise InputError(f"{what}: not valid JSON: {error}") from None
    _check(value, what, max_depth)
    return value


def _unique_keys(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key[:100]!a} appears twice in one object")
            seen.add(key)
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is out of range")
    return number


def _check(value: object, what: str, max_depth: int) -> None:
    level: list[object] = [value]
    depth = 0
    while level:
        below: list[object] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item, what)
            elif isinstance(item, dict | list):
                if depth == max_depth:
                    raise InputError(f"{what}: JSON nested deeper than {max_depth} levels")
                if isinstance(item, dict):
                    for key in item:
                        _check_text(key, what)
                    below.extend(item.values())
                else:
                    below.extend(item)
        level = below
        depth += 1


def _check_text(text: str, what: str) -> None:
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise InputError(f"{what}: JSON string with a lone surrogate: {text[:100]!a}") from None
