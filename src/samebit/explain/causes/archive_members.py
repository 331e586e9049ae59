"""What differs in an archive itself: the times, the order and the attributes of its members."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from samebit.explain.archives import Member
from samebit.explain.protocol import Detector, Found, Kind, Pair, shown
from samebit.model.explanation import Cause, Confidence, Evidence

_REFERENCE = "https://reproducible-builds.org/docs/archives/"
_MOST_EVIDENCE = 5
_FIXES = {
    "zip": "touch the files to @$SOURCE_DATE_EPOCH, then find … | LC_ALL=C sort | TZ=UTC zip -X -@"
    " OUT; jar of JDK 15 and later has --date",
    "tar": "use tar --sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0 --numeric-owner",
    "ar": "use ar D (the default of Debian's binutils), or ranlib -D",
    "gzip": "use gzip -n",
    "xz": "use xz -T1",
    "cpio": "use cpio --reproducible, with a sorted list of files that were touched to"
    " @$SOURCE_DATE_EPOCH",
}


def _cause(kind: str, what: str) -> Cause:
    return Cause(
        name=f"archive/{what}",
        confidence=Confidence.CERTAIN,
        what={
            "times": f"the {kind} archive holds the times at which its members were written",
            "order": f"the {kind} archive holds the same members in another order",
            "attributes": f"names, modes, owners or other fields in the {kind} archive's headers"
            " differ",
        }[what],
        fix=_FIXES[kind],
        reference=_REFERENCE,
        axis={"times": "clock", "order": "directory-order", "attributes": ""}[what],
    )


# One of each, for the documents.
CAUSES = tuple(_cause("tar", what) for what in ("times", "order", "attributes"))


def _detect_times(pair: Pair) -> Iterator[Found]:
    yield from _members(pair, "times", lambda member: member.time)


def _detect_attributes(pair: Pair) -> Iterator[Found]:
    yield from _members(pair, "attributes", lambda member: member.attributes)


def _members(pair: Pair, what: str, value: Callable[[Member], str]) -> Iterator[Found]:
    if pair.archives is None:
        return
    a, b = pair.archives
    known = {member.name: member for member in b.members}
    differing = [
        (member, known[member.name])
        for member in a.members
        if member.name in known and value(member) != value(known[member.name])
    ]
    evidence = tuple(
        Evidence(
            None,
            None,
            _text(value(one)),
            _text(value(other)),
            _meaning(value(one)),
            _meaning(value(other)),
            one.name,
        )
        for one, other in differing[:_MOST_EVIDENCE]
    )
    if differing:
        yield Found(replace(_cause(a.kind, what), evidence=evidence, places=len(differing)))


def _detect_order(pair: Pair) -> Iterator[Found]:
    if pair.archives is None:
        return
    left, right = (_names(archive.members) for archive in pair.archives)
    common = Counter(left) & Counter(right)
    left, right = ([name for name in names if name in common] for names in (left, right))
    for number, (one, other) in enumerate(zip(left, right, strict=False), 1):
        if one != other:
            place = f"member {number}"
            evidence = Evidence(None, None, _text(one), _text(other), place, place)
            cause = _cause(pair.archives[0].kind, "order")
            yield Found(replace(cause, evidence=(evidence,)))
            return


def _meaning(value: str) -> str:
    """Decode seconds since 1970, which archives write as they are."""
    if not re.fullmatch(r"@\d{1,11}", value):
        return ""
    return f"{datetime.fromtimestamp(int(value[1:]), UTC):%Y-%m-%d %H:%M:%S} UTC"


def _text(value: str) -> str:
    return shown(value.encode("utf-8", "surrogateescape"))


def _names(members: Sequence[Member]) -> list[str]:
    return [member.name for member in members]


TIMES = Detector("archive/times", _detect_times, of=Kind.ARCHIVE)
ORDER = Detector("archive/order", _detect_order, of=Kind.ARCHIVE)
ATTRIBUTES = Detector("archive/attributes", _detect_attributes, of=Kind.ARCHIVE)
