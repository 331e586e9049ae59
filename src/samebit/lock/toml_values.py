"""How values stand in the lock file, and reading them back strictly."""

from __future__ import annotations

import re

from samebit.errors import InputError, UsageError
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.model.toml_source import TomlTable

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def take_digest(table: TomlTable, name: str, text: str, *, fix: str) -> Digest:
    """Read the digest of a key. Raises UsageError with its line."""
    try:
        return Digest.parse(text)
    except InputError as error:
        raise table.error(f"is {error}", name, fix=fix) from None


def take_platform(table: TomlTable, name: str, text: str, *position: int, fix: str) -> Platform:
    """Read a platform in its one spelling. Raises UsageError with its line."""
    try:
        platform = Platform.parse(text)
    except UsageError as error:
        raise table.error(f"is {error}", name, *position, fix=fix) from None
    if str(platform) != text:
        raise table.error(f"is {text!r}, written as {platform}", name, *position, fix=fix)
    return platform


def array(name: str, values: list[str]) -> list[str]:
    """Write an array of strings, one a line."""
    return [f"{name} = [", *(f"  {quote(value)}," for value in values), "]"]


def bare_key(name: str) -> str:
    """Write a key, quoted where TOML asks for it."""
    return name if _BARE_KEY.fullmatch(name) else quote(name)


def quote(text: str) -> str:
    """Write a TOML basic string; control characters are escaped, other text stays readable."""
    return '"' + "".join(_ESCAPES.get(c) or _escape_control(c) for c in text) + '"'


def _escape_control(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x20 or 0x7F <= code < 0xA0 else character
