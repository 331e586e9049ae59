"""Patterns of absolute paths: `*` stays within a name, `**` crosses folders, `?` is a character."""

from __future__ import annotations

import re

_PARTS = re.compile(r"\*\*/|\*\*|\*|\?|[^*?]+")
_WILD = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def path_pattern(text: str) -> re.Pattern[str]:
    """Compile a pattern that a whole path has to match."""
    pieces = (_WILD.get(part) or re.escape(part) for part in _PARTS.findall(text))
    return re.compile("".join(pieces), re.DOTALL)
