"""JSON (RFC 8259) for the shim, without module re, which takes as long to load as Python to start.

It reads with the scanner in C that the standard library's json is built on, and writes by itself.
Where this Python has no such scanner, json does both.
"""

from __future__ import annotations

# Spelled as in shim, for the same reason.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_SPACE = " \t\n\r"


class _Options:
    """What the scanner asks how to read; json.JSONDecoder has the same by default."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner's own


try:
    from _json import encode_basestring, encode_basestring_ascii, make_scanner

    _scan: Callable[[str, int], tuple[Any, int]] | None = make_scanner(_Options)  # type: ignore[arg-type]
except (ImportError, AttributeError, TypeError):
    _scan = None


def loads(text: str) -> Any:  # noqa: ANN401 - what there is
    """Read `text`. Raises ValueError."""
    if _scan is None:
        import json  # noqa: PLC0415 - what this module saves elsewhere

        return json.loads(text)
    begin = len(text) - len(text.lstrip(_SPACE))
    try:
        value, end = _scan(text, begin)
    except StopIteration:
        raise ValueError("not JSON") from None
    if text[end:].strip(_SPACE):
        raise ValueError("more than one JSON value")
    return value


def dumps(value: Any, *, ascii_only: bool = False) -> str:  # noqa: ANN401 - as above
    """Write dictionaries with names that are text, lists, text, numbers, booleans and None."""
    if _scan is None:
        import json  # noqa: PLC0415 - as above

        return json.dumps(value, ensure_ascii=ascii_only)
    parts: list[str] = []
    _write(value, parts, encode_basestring_ascii if ascii_only else encode_basestring)
    return "".join(parts)


def _write(value: Any, parts: list[str], quoted: Callable[[str], str]) -> None:  # noqa: ANN401
    if isinstance(value, str):
        parts.append(quoted(value))
    elif value is None:
        parts.append("null")
    elif isinstance(value, bool):
        parts.append("true" if value else "false")
    elif isinstance(value, dict):
        before = "{"
        for name, member in value.items():
            parts += before, quoted(name), ": "
            _write(member, parts, quoted)
            before = ", "
        parts.append("}" if value else "{}")
    elif isinstance(value, list):
        before = "["
        for member in value:
            parts.append(before)
            _write(member, parts, quoted)
            before = ", "
        parts.append("]" if value else "[]")
    else:
        parts.append(repr(value))
