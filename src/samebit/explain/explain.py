"""From a pair of contents to their causes: format by format, inside archives, byte by byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from samebit.explain.content import Held
from samebit.explain.elf_files import content_of, is_computed, paired_sections
from samebit.explain.protocol import Detector, Kind, Pair
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
    if pair.archives is not None:
        return _archive(pair, depth)
    return _plain(pair) if pair.elves is None else _program(pair, depth)


def _plain(pair: Pair) -> tuple[list[Cause], int]:
    claimed: set[int] = set()
    causes: list[Cause] = []
    for detector in _detectors(Kind.BYTES):
        for found in detector.detect(pair):
            if found.hunks is None:
                return [*causes, found.cause], 0
            if not found.hunks <= claimed:
                claimed |= found.hunks
                causes.append(found.cause)
        if len(claimed) == len(pair.hunks.places):
            break
    return causes, len(pair.hunks.places) - len(claimed)


def _detectors(kind: Kind) -> Iterator[Detector]:
    return (detector for detector in all_detectors() if detector.of is kind)


def _archive(pair: Pair, depth: int) -> tuple[list[Cause], int]:
    """Look at an archive as such and inside of it: its bytes say nothing that these do not."""
    causes = [found.cause for one in _detectors(Kind.ARCHIVE) for found in one.detect(pair)]
    inner, unexplained = _inside(pair, depth)
    if not causes and not inner and not unexplained:
        # It holds the same, and is packed differently.
        return [], 1
    return causes + inner, unexplained


def _program(pair: Pair, depth: int) -> tuple[list[Cause], int]:
    """Look at an ELF file as such and into its sections, which move when one grows."""
    assert pair.elves is not None
    a, b = pair.elves
    causes: list[Cause] = []
    claimed: set[bytes] = set()
    for detector in _detectors(Kind.ELF):
        for found in detector.detect(pair):
            causes.append(found.cause)
            claimed |= found.sections
    unexplained = 0
    computed = False
    for name, one, other in paired_sections(a, b):
        data = [
            content_of(elf, section) if section is not None else b""
            for elf, section in ((a, one), (b, other))
        ]
        if data[0] == data[1] or name in claimed:
            continue
        if is_computed(name):
            computed = True
        elif data[0] is None or data[1] is None or depth >= _MOST_DEPTH:
            unexplained += 1
        else:
            text = name.decode("utf-8", "surrogateescape")
            inner, left = _explain(_pair_of(pair, text, data[0], data[1]), depth + 1)
            causes += [_at(cause, text) for cause in inner]
            unexplained += left
    if not causes and not unexplained:
        # Only code or tables differ, or what lies between the sections.
        return ([], 1) if computed else _plain(pair)
    return causes, unexplained


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
        inner, left = _explain(_pair_of(pair, member.name, member.data, other.data), depth + 1)
        causes += [_at(cause, member.name) for cause in inner]
        unexplained += left
    names = {member.name for member in a.members}
    return causes, unexplained + sum(member.name not in names for member in b.members)


def _pair_of(pair: Pair, name: str, a: bytes, b: bytes) -> Pair:
    path = name.encode("utf-8", "surrogateescape")
    return replace(pair, path=path or pair.path.removesuffix(b".gz"), a=Held(a), b=Held(b))


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
