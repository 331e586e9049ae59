"""Words that only one of the builds knew: paths, host and user names, the kernel, the locale."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from samebit.explain.protocol import (
    BuildFacts,
    Collected,
    Detector,
    Found,
    Pair,
    Window,
    shown,
)
from samebit.model.explanation import Cause, Confidence, Evidence


@dataclass(frozen=True, slots=True)
class _Words:
    """A kind of word; `of` gives a build's words of that kind."""

    cause: Cause
    of: Callable[[BuildFacts], tuple[str, ...]]

    def detect(self, pair: Pair) -> Iterator[Found]:
        # Longest first: a path before the directory that it is in.
        known_a = sorted(map(str.encode, self.of(pair.facts_a)), key=lambda w: (-len(w), w))
        known_b = sorted(map(str.encode, self.of(pair.facts_b)), key=lambda w: (-len(w), w))
        if known_a == known_b:
            return
        found = Collected()
        for number, a, b in pair:
            left = _word(a, known_a)
            right = _word(b, known_b)
            if left is None or right is None or left[1] == right[1]:
                continue
            evidence = Evidence(
                a.offset + left[0], b.offset + right[0], shown(left[1]), shown(right[1])
            )
            found.add(number, evidence, Confidence.CERTAIN)
        yield from found.found(self.cause)


def _word(window: Window, words: list[bytes]) -> tuple[int, bytes] | None:
    """Find a word that touches the differing place."""
    for word in words:
        at = window.data.find(word, max(0, window.start - len(word)))
        if 0 <= at <= window.end and len(word) > 1:
            return at, word
    return None


def _cause(name: str, what: str, fix: str, axis: str, page: str) -> Cause:
    reference = f"https://reproducible-builds.org/docs/{page}/"
    return Cause(name, Confidence.CERTAIN, what, fix, reference, axis=axis)


def _one(text: str) -> tuple[str, ...]:
    return (text,) if text else ()


_KINDS = (
    _Words(
        _cause(
            "path/build",
            "the path of a directory that only this build used is written in it",
            "build in a fixed directory (WORKDIR), or map it away: gcc -ffile-prefix-map=$PWD=.,"
            " go build -trimpath, rustc --remap-path-prefix",
            "path",
            "build-path",
        ),
        lambda facts: facts.paths,
    ),
    _Words(
        _cause(
            "host/name",
            "the name of the machine that built it is written in it",
            "do not write the host name, or give a fixed one in the file; RUN sees the host name"
            " samebit",
            "host-name",
            "system-environment",
        ),
        lambda facts: facts.names,
    ),
    _Words(
        _cause(
            "host/user",
            "the name of the user who built it is written in it",
            "set USER and LOGNAME in the RUN that writes it, or leave the name out",
            "user",
            "system-environment",
        ),
        lambda facts: facts.users,
    ),
    _Words(
        _cause(
            "host/kernel",
            "the release of the kernel that built it is written in it",
            "take the release from a file or an argument and not from uname",
            "kernel",
            "system-environment",
        ),
        lambda facts: _one(facts.kernel),
    ),
    _Words(
        _cause(
            "host/locale",
            "the locale of the build is written in it",
            "set LC_ALL=C.UTF-8 in the RUN that writes it",
            "locale",
            "locales",
        ),
        lambda facts: _one(facts.locale),
    ),
    _Words(
        _cause(
            "host/time-zone",
            "the time zone of the build is written in it",
            "set TZ=UTC in the RUN that writes it",
            "time-zone",
            "timezones",
        ),
        lambda facts: _one(facts.time_zone),
    ),
)

PATH, NAME, USER, KERNEL, LOCALE, TIME_ZONE = (
    Detector(kind.cause.name, kind.detect, rank=rank) for rank, kind in enumerate(_KINDS, 14)
)
