"""WWW-Authenticate challenges (RFC 9110, section 11; distribution token specification)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'[\s,]*({_WORD})\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)')
_SCHEME = re.compile(rf"[\s,]*({_WORD})(?:\s+|\s*$|\s*,)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """A scheme in lower case and its parameters, names in lower case."""

    scheme: str
    parameters: dict[str, str]


def parse_challenges(headers: Iterable[str]) -> list[Challenge]:
    """Read every challenge of every header; text that is none is skipped, never an error."""
    challenges = []
    for header in headers:
        position = 0
        while True:
            scheme = _SCHEME.match(header, position)
            if scheme is None:
                break
            position = scheme.end()
            parameters: dict[str, str] = {}
            while parameter := _PARAMETER.match(header, position):
                parameters.setdefault(parameter[1].lower(), _unquoted(parameter[2]))
                position = parameter.end()
            challenges.append(Challenge(scheme[1].lower(), parameters))
    return challenges


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
