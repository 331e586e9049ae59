"""Path patterns: which of many patterns a path fits, at a cost that hardly grows with their number.

`*` stands for any bytes but `/`, `?` for one of them, `**` as a whole component for any number of
components, none included (at the end: one or more, so that `a/**` is what is below `a`). Patterns
have no leading slash and match whole paths.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

_T = TypeVar("_T")
_WILD = re.compile(rb"[*?]")
_TOKEN = re.compile(rb"\*|\?|[^*?]+")


def regex_of(pattern: bytes) -> bytes:
    """Translate a pattern to a regular expression over the whole path."""
    *parents, last = pattern.split(b"/")
    text = b"".join(
        rb"(?:[^/]+/)*" if part == b"**" else _component(part) + b"/" for part in parents
    )
    return text + (rb".+" if last == b"**" else _component(last))


def matcher(patterns: Iterable[bytes]) -> re.Pattern[bytes] | None:
    """Compile patterns to one expression for `fullmatch`, None when there are none."""
    texts = [regex_of(pattern) for pattern in patterns]
    return re.compile(b"|".join(texts), re.DOTALL) if texts else None


def _component(part: bytes) -> bytes:
    text = b""
    for token in _TOKEN.findall(part):
        text += {b"*": rb"[^/]*", b"?": rb"[^/]"}.get(token) or re.escape(token)
    return text


class PatternTable(Generic[_T]):
    """Values by pattern. A value without a pattern belongs to every path."""

    def __init__(self, items: Iterable[tuple[tuple[bytes, ...], _T]]) -> None:
        self._values: list[_T] = []
        self._everywhere: list[int] = []
        self._exact: dict[bytes, list[int]] = {}
        self._names: dict[bytes, list[int]] = {}
        self._suffixes: dict[bytes, list[tuple[bytes, int]]] = {}
        self._components: dict[bytes, list[tuple[re.Pattern[bytes], int]]] = {}
        tops: dict[bytes, list[tuple[bytes, int]]] = {}
        for number, (patterns, value) in enumerate(items):
            self._values.append(value)
            if not patterns:
                self._everywhere.append(number)
            for pattern in patterns:
                self._place(pattern, number, tops)
        self._tops = {
            top: (
                re.compile(b"|".join(regex_of(pattern) for pattern, _ in found), re.DOTALL),
                [(re.compile(regex_of(pattern), re.DOTALL), number) for pattern, number in found],
            )
            for top, found in tops.items()
        }

    def _place(
        self, pattern: bytes, number: int, tops: dict[bytes, list[tuple[bytes, int]]]
    ) -> None:
        if not _WILD.search(pattern):
            self._exact.setdefault(pattern, []).append(number)
            return
        if pattern.startswith(b"**/"):
            name = pattern[3:]
            if b"/" not in name and not _WILD.search(name):
                self._names.setdefault(name, []).append(number)
                return
            if name.startswith(b"*.") and not _WILD.search(name[1:]) and b"/" not in name:
                suffix = name[1:]
                self._suffixes.setdefault(suffix.rpartition(b".")[2], []).append((suffix, number))
                return
            first = name.partition(b"/")[0]
            if not _WILD.search(first):
                compiled = re.compile(regex_of(pattern), re.DOTALL)
                self._components.setdefault(first, []).append((compiled, number))
                return
        top = pattern.partition(b"/")[0]
        tops.setdefault(b"" if _WILD.search(top) else top, []).append((pattern, number))

    def find(self, path: bytes, *, everywhere: bool = True) -> list[_T]:
        """Give the values whose patterns fit `path`, each once, in the order they came in.

        Without `everywhere`, those that belong to every path are left out.
        """
        found = set(self._everywhere) if everywhere else set()
        found.update(self._exact.get(path, ()))
        parts = path.split(b"/")
        name = parts[-1]
        found.update(self._names.get(name, ()))
        for suffix, number in self._suffixes.get(name.rpartition(b".")[2], ()):
            if name.endswith(suffix):
                found.add(number)
        for part in self._components.keys() & parts:
            found.update(
                number for single, number in self._components[part] if single.fullmatch(path)
            )
        for top in (parts[0], b""):
            entry = self._tops.get(top)
            if entry is not None and entry[0].fullmatch(path):
                found.update(number for single, number in entry[1] if single.fullmatch(path))
        return [self._values[number] for number in sorted(found)]
