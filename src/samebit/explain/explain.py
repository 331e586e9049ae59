"""From a pair of contents to their causes: format by format, inside archives, byte by byte."""

from __future__ import annotations

from dataclasses import replace

from samebit.explain.archives import Member
from samebit.explain.content import Held
from samebit.explain.protocol import Pair
from samebit.explain.registry import all_detectors
from samebit.model.escaped import escaped
from samebit.model.explanation import Cause, Confidence, Explanation

_MOST_DEPTH = 4
_MOST_EVIDENCE = 5


def explain(pair: Pair) -> Explanation:
    """Name what makes two contents of one path differ, the surest causes first. Raises OSError."""
    causes, unexplained = _explain(pair, 0)
    order = list(Confidence)
    merged = sorted(
        _merged(causes),
        key=lambda cause: (order.index(cause.confidence), -cause.places, cause.name),
    )
    return Explanation(escaped(pair.path), tuple(merged), unexplained)


def _explain(pair: Pair, depth: int) -> tuple[list[Cause], int]:
    return _plain(pair) if pair.archives is None else _archive(pair, depth)


def _plain(pair: Pair) -> tuple[list[Cause], int]:
    claimed: set[int] = set()
    causes: list[Cause] = []
    for detector in all_detectors():
        if detector.archives:
            continue
        for found in detector.detect(pair):
            if found.hunks is None:
                return [*causes, found.cause], 0
            if not found.hunks <= claimed:
                claimed |= found.hunks
                causes.append(found.cause)
        if len(claimed) == len(pair.hunks.places):
            break
    return causes, len(pair.hunks.places) - len(claimed)


def _archive(pair: Pair, depth: int) -> tuple[list[Cause], int]:
    """Look at an archive as such and inside of it: its bytes say nothing that these do not."""
    causes = [
        found.cause
        for detector in all_detectors()
        if detector.archives
        for found in detector.detect(pair)
    ]
    inner, unexplained = _inside(pair, depth)
    if not causes and not inner and not unexplained:
        # It holds the same, and is packed differently.
        return [], 1
    return causes + inner, unexplained


def _inside(pair: Pair, depth: int) -> tuple[list[Cause], int]:
    assert pair.archives is not None
    a, b = pair.archives
    known = {member.name: member for member in b.members}
    causes: list[Cause] = []
    unexplained = 0
    for member in a.members:
        other = known.get(member.name)
        if other is None or other.data == member.data:
            unexplained += other is None
            continue
        if depth >= _MOST_DEPTH:
            unexplained += 1
            continue
        inner, left = _explain(_pair_of(pair, member, other), depth + 1)
        causes += [_at(cause, member.name) for cause in inner]
        unexplained += left
    names = {member.name for member in a.members}
    return causes, unexplained + sum(member.name not in names for member in b.members)


def _pair_of(pair: Pair, member: Member, other: Member) -> Pair:
    name = member.name.encode("utf-8", "surrogateescape")
    return replace(
        pair, path=name or pair.path.removesuffix(b".gz"), a=Held(member.data), b=Held(other.data)
    )


def _at(cause: Cause, name: str) -> Cause:
    inner = escaped(name.encode("utf-8", "surrogateescape"))
    return replace(
        cause,
        evidence=tuple(
            replace(one, member="!".join(filter(None, [inner, one.member])))
            for one in cause.evidence
        ),
    )


def _merged(causes: list[Cause]) -> list[Cause]:
    """Put together what one cause did in several members."""
    order = list(Confidence)
    found: dict[str, Cause] = {}
    for cause in causes:
        known = found.get(cause.name)
        if known is None:
            found[cause.name] = cause
            continue
        found[cause.name] = replace(
            known,
            confidence=min(known.confidence, cause.confidence, key=order.index),
            evidence=(*known.evidence, *cause.evidence)[:_MOST_EVIDENCE],
            places=known.places + cause.places,
        )
    return list(found.values())
