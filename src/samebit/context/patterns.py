"""Path patterns of .dockerignore, `--exclude` and `--parents`, matched as docker matches them.

Syntax: Dockerfile reference, ".dockerignore file": Go's filepath.Match plus `**`. A pattern also
covers everything below what it matches. Later patterns win; `!` takes back what earlier ones hit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from posixpath import normpath


class PatternError(ValueError):
    """A pattern that filepath.Match would call malformed."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One cleaned pattern: `text` without `!`, `negated` for `!`, `line` 1-based or 0."""

    text: str
    negated: bool
    line: int
    regex: re.Pattern[str]
    # The components before the first one that may match a slash; None when there is none such.
    prefix: tuple[re.Pattern[str], ...]
    depth: int | None

    def matches(self, path: str) -> bool:
        """Whether the pattern matches exactly this slash-separated path."""
        return self.regex.fullmatch(path) is not None

    def may_match_below(self, directory: str) -> bool:
        """Whether some path below `directory` could match; never wrongly False."""
        parts = directory.split("/")
        if self.depth is not None and len(parts) >= self.depth:
            return False
        return all(regex.fullmatch(part) for regex, part in zip(self.prefix, parts, strict=False))


@dataclass(frozen=True, slots=True)
class Matched:
    """What is carried from a directory to its entries: which patterns hit it or an ancestor."""

    hits: tuple[bool, ...]


class PatternList:
    """An ordered list of patterns, evaluated top down along the tree."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self.patterns = tuple(patterns)
        self._runs = _runs(self.patterns)
        self.root = Matched((False,) * len(self.patterns))

    def __bool__(self) -> bool:
        return bool(self.patterns)

    def enter(self, path: str, parent: Matched) -> tuple[bool, Matched]:
        """Match a directory; gives the verdict and the state for its entries."""
        matched = False
        hits = []
        for pattern, inherited in zip(self.patterns, parent.hits, strict=True):
            # A pattern that could change nothing is not asked, and its entries do not inherit it:
            # this is how BuildKit's tree walk decides, and it shows in `a/b` followed by `!a`.
            hit = inherited or (pattern.negated == matched and pattern.matches(path))
            hits.append(hit)
            if hit:
                matched = not pattern.negated
        return matched, Matched(tuple(hits))

    def covers(self, path: str, parent: Matched) -> bool:
        """Match an entry that has no entries of its own, given its directory's state."""
        matched = False
        for negated, first, end, regex in self._runs:
            if True in parent.hits[first:end] or (
                negated == matched and regex.fullmatch(path) is not None
            ):
                matched = not negated
        return matched

    def decides(self, path: str) -> tuple[bool, Pattern | None]:
        """Evaluate a path from the root down; gives the verdict and the pattern that decided it."""
        state = self.root
        matched = False
        parts = path.split("/")
        for count in range(1, len(parts) + 1):
            matched, state = self.enter("/".join(parts[:count]), state)
        hit = [p for p, h in zip(self.patterns, state.hits, strict=True) if h]
        return matched, hit[-1] if hit else None

    def may_release_below(self, directory: str, state: Matched) -> bool:
        """Whether a `!` pattern could take back something below an excluded directory."""
        last = max(
            (i for i, p in enumerate(self.patterns) if state.hits[i] and not p.negated), default=-1
        )
        return any(p.negated and p.may_match_below(directory) for p in self.patterns[last + 1 :])

    def may_match_below(self, directory: str) -> bool:
        """Whether a positive pattern could match something below `directory`."""
        return any(not p.negated and p.may_match_below(directory) for p in self.patterns)


def compile_pattern(text: str, *, line: int = 0) -> Pattern | None:
    """Compile one pattern, `!` included; None for an empty one. Raises PatternError."""
    text = text.strip()
    if not text:
        return None
    text = _clean(text)
    negated = text.startswith("!")
    if negated:
        text = text[1:]
        if not text:
            raise PatternError("a lone ! takes nothing back")
    return _compile(text, negated, line)


def clean_path(path: str) -> str:
    """Go's filepath.Clean for slash paths: no empty, `.` or inner `..` components."""
    return _clean(path)


def has_wildcards(text: str) -> bool:
    """Whether filepath.Match would treat `text` as more than a literal path."""
    index = 0
    while index < len(text):
        if text[index] in "*?[":
            return True
        index += 2 if text[index] == "\\" else 1
    return False


def compile_match(text: str) -> re.Pattern[str]:
    """Compile filepath.Match itself: no `**`, no matching of parents. Raises PatternError."""
    return re.compile(_translate(re.sub(r"\*+", "*", text)), re.DOTALL)


def _clean(text: str) -> str:
    cleaned = normpath(text)
    # normpath keeps two leading slashes, as POSIX allows; Go does not.
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def _compile(text: str, negated: bool, line: int) -> Pattern:
    if text.startswith("**") and not re.search(r"[*?\[\]\\]", text[2:]):
        # A leading `**` before a literal is a suffix match: `**log` hits `syslog`.
        suffix = text[2:]
        expression = ".*" + re.escape(suffix)
        if suffix.startswith("/"):
            expression = f"(?:{expression}|{re.escape(suffix[1:])})"
        return Pattern(text, negated, line, re.compile(expression, re.DOTALL), (), None)
    regex = re.compile(_translate(text), re.DOTALL)
    prefix: list[re.Pattern[str]] = []
    depth: int | None = 0
    for part in text.split("/"):
        # A class may match a slash, so components cannot be told apart from there on.
        if "**" in part or "[" in part or part.endswith("\\"):
            depth = None
            break
        prefix.append(re.compile(_translate(part), re.DOTALL))
    else:
        depth = len(prefix)
    return Pattern(text, negated, line, regex, tuple(prefix), depth)


def _translate(text: str) -> str:
    out: list[str] = []
    index = 0
    while index < len(text):
        char = text[index]
        index += 1
        if char == "*":
            if text[index : index + 1] != "*":
                out.append("[^/]*")
                continue
            index += 1
            if text[index : index + 1] == "/":
                index += 1
            out.append("(?:.*/)?" if index < len(text) else ".*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[":
            piece, index = _class(text, index)
            out.append(piece)
        elif char == "\\":
            if index == len(text):
                raise PatternError("it ends in a backslash that escapes nothing")
            out.append(re.escape(text[index]))
            index += 1
        else:
            out.append(re.escape(char))
    return "".join(out)


def _class(text: str, index: int) -> tuple[str, int]:
    out = ["["]
    if text[index : index + 1] == "^":
        out.append("^")
        index += 1
    ranges = 0
    while True:
        if text[index : index + 1] == "]" and ranges:
            return "".join(out) + "]", index + 1
        low, index = _class_char(text, index)
        high = low
        if text[index : index + 1] == "-":
            high, index = _class_char(text, index + 1)
        if high < low:
            raise PatternError(f"the range {low}-{high} is empty")
        out.append(f"{re.escape(low)}-{re.escape(high)}" if high != low else re.escape(low))
        ranges += 1


def _class_char(text: str, index: int) -> tuple[str, int]:
    char = text[index : index + 1]
    if char == "\\":
        index += 1
        char = text[index : index + 1]
        if not char:
            raise PatternError("its [ has no closing ]")
        return char, index + 1
    if not char:
        raise PatternError("its [ has no closing ]")
    if char in "-]":
        raise PatternError(f"{char!r} stands unescaped inside [ ]")
    return char, index + 1


def _runs(patterns: tuple[Pattern, ...]) -> list[tuple[bool, int, int, re.Pattern[str]]]:
    """Join neighbours of one kind into one expression: files need only the verdict."""
    runs: list[tuple[bool, int, int, re.Pattern[str]]] = []
    start = 0
    for index in range(1, len(patterns) + 1):
        if index == len(patterns) or patterns[index].negated != patterns[start].negated:
            joined = "|".join(f"(?:{p.regex.pattern})" for p in patterns[start:index])
            runs.append((patterns[start].negated, start, index, re.compile(joined, re.DOTALL)))
            start = index
    return runs
