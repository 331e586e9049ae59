"""Values that differ, with the words that name them: a key, a column's heading, the file's name.

What a number means is rarely in the number. Where the builds' own values are unknown, `MemFree:` in
front of it or `free-space` as the file's name say what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from samebit.explain.content import Content
from samebit.explain.protocol import BuildFacts, Collected, Detector, Found, Pair, shown
from samebit.model.explanation import Cause, Confidence, Evidence

# Lines are looked at this far on both sides of a place.
_REACH = 1024
_LINE_ENDS = re.compile(rb"[\n\0]")
_SEPARATORS = b" \t\r\n\0\"',;=()[]{}<>|"
_MOST_VALUE = 256
# Between a label and its value: marks, or a word or two as in "built by the user".
_LABEL_REACH = 96
_AFTER_LABEL = r"(?:\W{0,8}| (?:[a-z]{1,8} ){1,2})$"


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A value at byte `at` of its content; `line` is the text line that it stands in.

    `before` is the part of the line in front of it, `heading` the content's first line.
    """

    at: int
    value: bytes
    before: bytes
    line: bytes
    heading: bytes


@dataclass(frozen=True, slots=True)
class Shape:
    """What the values of a cause look like. All patterns are searched in lower and upper case.

    `value` must match the whole value. `name` is looked for in the line and in the file's name,
    `label` right before the value and in the file's name, `heading` in the first line; one of them
    must be there. `line` alone is enough where the line has the form of one known file, and makes
    it `surest`; otherwise the cause is `sure`.
    """

    value: str
    name: str = ""
    label: str = ""
    heading: str = ""
    line: str = ""
    sure: Confidence = Confidence.LIKELY
    surest: Confidence = Confidence.CERTAIN


def detector(
    cause: Cause,
    shape: Shape,
    rank: int,
    known: Callable[[BuildFacts], bool] = lambda _: False,
) -> Detector:
    """Make the detector of a cause whose values are known by their names.

    It is not asked where both builds' own values are `known`: then what differs from them is not
    it, whatever it is called.
    """
    value = _pattern(shape.value)
    name, label, heading, line = (
        _pattern(text) if text else None
        for text in (shape.name, shape.label, shape.heading, shape.line)
    )
    before = _pattern(f"(?:{shape.label}){_AFTER_LABEL}") if shape.label else None

    def judge(pair: Pair, found: NamedValue) -> Confidence | None:
        if line is not None and line.search(found.line):
            return shape.surest
        if not value.fullmatch(found.value):
            return None
        # Bare numbers in a path's directories name nothing: only the last component counts.
        file = pair.path.rpartition(b"/")[2]
        if name is not None and (name.search(found.line) or name.search(file)):
            return shape.sure
        if before is not None and before.search(found.before[-_LABEL_REACH:]):
            return shape.sure
        if label is not None and label.search(file):
            return shape.sure
        return shape.sure if heading is not None and heading.search(found.heading) else None

    def detect(pair: Pair) -> Iterator[Found]:
        if known(pair.facts_a) and known(pair.facts_b):
            return
        found = Collected()
        for number, a, b in named_values(pair):
            sides = judge(pair, a), judge(pair, b)
            if sides[0] is None or sides[1] is None or a.value == b.value:
                continue
            evidence = Evidence(a.at, b.at, shown(a.value), shown(b.value), *_meanings(a, b))
            found.add(number, evidence, max(sides[0], sides[1], key=list(Confidence).index))
        yield from found.found(cause)

    return Detector(cause.name, detect, rank=rank)


def named_values(pair: Pair) -> Iterator[tuple[int, NamedValue, NamedValue]]:
    """Give the differing places of two texts as values; places in binary data are left out."""
    headings = [_LINE_ENDS.split(head, 1)[0] for head in pair.heads(256)]
    for number, hunk in enumerate(pair.hunks.places):
        a = _value(pair.a, hunk.start_a, hunk.end_a, headings[0])
        b = _value(pair.b, hunk.start_b, hunk.end_b, headings[1])
        if a is not None and b is not None:
            yield number, a, b


def _pattern(text: str) -> re.Pattern[bytes]:
    return re.compile(text.encode("ascii"), re.IGNORECASE)


def _meanings(a: NamedValue, b: NamedValue) -> tuple[str, str]:
    return _meaning(a), _meaning(b)


def _meaning(side: NamedValue) -> str:
    name = shown(_last_name(side))
    return f"{name} {shown(side.value)}" if name else ""


def _last_name(found: NamedValue) -> bytes:
    words = re.findall(rb"[A-Za-z][\w .-]*", found.before)
    return words[-1].strip()[-40:] if words else b""


def _value(content: Content, start: int, end: int, heading: bytes) -> NamedValue | None:
    offset = max(0, start - _REACH)
    data = content.read(offset, min(end, start + _REACH) + _REACH - offset)
    at, limit = start - offset, min(end - offset, len(data))
    # A place may begin in the spaces that pad a number, and hold several values: the first is told.
    while at < limit and data[at] in _SEPARATORS and (at == 0 or data[at - 1] in _SEPARATORS):
        at += 1
    start = at
    while start > 0 and data[start - 1] not in _SEPARATORS:
        start -= 1
    end = at
    while end < len(data) and data[end] not in _SEPARATORS:
        end += 1
    value = data[start:end]
    stripped = value.lstrip(b":\n\0 \t")
    start += len(value) - len(stripped)
    stripped = stripped.rstrip(b":\n\0 \t,")
    if len(stripped) > _MOST_VALUE or b"\0" in stripped:
        return None
    line_start = max(data.rfind(b"\n", 0, start), data.rfind(b"\0", 0, start)) + 1
    match = _LINE_ENDS.search(data, start + len(stripped))
    line = data[line_start : match.start() if match else len(data)]
    return NamedValue(offset + start, stripped, data[line_start:start], line, heading)
