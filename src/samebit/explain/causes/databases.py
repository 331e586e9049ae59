"""Databases and indexes that keep counters, free pages and the state of files beside their data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from samebit.explain.protocol import Detector, Found, Pair, shown
from samebit.model.explanation import Cause, Confidence, Evidence

_SQLITE = Cause(
    name="database/sqlite",
    confidence=Confidence.CERTAIN,
    what="the SQLite database differs in its pages: counters, free pages, or the order in which"
    " rows were written",
    fix="fill it from a sorted dump in one process and end with VACUUM; times in rows come from"
    " datetime('now')",
    reference="https://www.sqlite.org/fileformat.html",
)
_GIT_INDEX = Cause(
    name="database/git-index",
    confidence=Confidence.CERTAIN,
    what="the Git index holds times and inode numbers of the checkout",
    fix="remove .git in the RUN that cloned it, or copy the files without it",
    reference="https://git-scm.com/docs/index-format",
    axis="clock",
)


def _detect_sqlite(pair: Pair) -> Iterator[Found]:
    heads = pair.heads(100)
    if not all(head.startswith(b"SQLite format 3\0") for head in heads):
        return
    fields = (("file change counter", 24), ("size in pages", 28), ("free pages", 36))
    evidence = tuple(
        Evidence(
            at,
            at,
            shown(heads[0][at : at + 4]),
            shown(heads[1][at : at + 4]),
            *(f"{name} {int.from_bytes(head[at : at + 4], 'big')}" for head in heads),
        )
        for name, at in fields
        if heads[0][at : at + 4] != heads[1][at : at + 4]
    )
    # What the rows hold is asked of the other causes too.
    header = frozenset(n for n, hunk in enumerate(pair.hunks.places) if hunk.start_a < 100)
    if evidence:
        yield Found(replace(_SQLITE, evidence=evidence, places=len(header)), header)


def _detect_git(pair: Pair) -> Iterator[Found]:
    if pair.path.endswith(b"index") and all(head[:4] == b"DIRC" for head in pair.heads(4)):
        yield Found(replace(_GIT_INDEX, places=len(pair.hunks.places)))


SQLITE = Detector(_SQLITE.name, _detect_sqlite, rank=4)
GIT_INDEX = Detector(_GIT_INDEX.name, _detect_git, rank=4)
