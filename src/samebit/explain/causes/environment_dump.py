"""The environment of the build, written out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from samebit.explain.named_values import NamedValue, named_values
from samebit.explain.protocol import Collected, Detector, Found, Pair, shown
from samebit.model.explanation import Cause, Confidence, Evidence

_CAUSE = Cause(
    name="host/environment",
    confidence=Confidence.LIKELY,
    what="the environment variables of the build are written in it",
    fix="write the variables that are needed by name, and not all (env, export -p, set)",
    reference="https://reproducible-builds.org/docs/system-environment/",
    axis="environment",
)
_LINE = re.compile(rb"(?:export |declare -x )?([A-Za-z_]\w*)=")
_USUAL = {b"PATH", b"HOME", b"PWD", b"SHLVL"}
_MOST = 1 << 16


def _detect(pair: Pair) -> Iterator[Found]:
    if not all(map(_is_dump, pair.heads(_MOST))):
        return
    found = Collected()
    for number, a, b in named_values(pair):
        evidence = Evidence(a.at, b.at, shown(a.value), shown(b.value), _name(a), _name(b))
        found.add(number, evidence, Confidence.LIKELY)
    yield from found.found(_CAUSE)


def _is_dump(head: bytes) -> bool:
    names = {match[1] for line in head.split(b"\n") if (match := _LINE.match(line))}
    return b"PATH" in names and len(names & _USUAL) >= 2


def _name(side: NamedValue) -> str:
    match = _LINE.match(side.line)
    return f"variable {shown(match[1])}" if match else ""


DETECTOR = Detector(_CAUSE.name, _detect, rank=47)
