"""Why an entry's attributes differ, or its name: what explains content looks at text only."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from samebit.explain.content import Held
from samebit.explain.explain import explain
from samebit.explain.protocol import BuildFacts, Pair, shown
from samebit.model.escaped import escaped
from samebit.model.explanation import Cause, Confidence, Evidence, Explanation
from samebit.model.image_difference import FieldChange, Renamed

_REFERENCE = "https://reproducible-builds.org/docs/archives/"
_MODE = Cause(
    name="metadata/mode",
    confidence=Confidence.CERTAIN,
    what="the permissions differ",
    fix="set them in the RUN that makes the file (chmod, install -m), or COPY with --chmod",
    reference=_REFERENCE,
)
_UMASK = replace(
    _MODE,
    name="metadata/umask",
    confidence=Confidence.LIKELY,
    what="the permissions differ as umask decides them",
    fix="set umask 022 in the RUN that makes the file, or chmod it",
    axis="umask",
)
_OWNER = Cause(
    name="metadata/owner",
    confidence=Confidence.CERTAIN,
    what="the owner or group differs",
    fix="give new users fixed numbers (useradd --uid, groupadd --gid), or chown by number",
    reference=_REFERENCE,
    axis="user",
)
_XATTR = Cause(
    name="metadata/xattr",
    confidence=Confidence.CERTAIN,
    what="an extended attribute differs",
    fix="remove it in the RUN that sets it: setfattr -x NAME FILE",
    reference=_REFERENCE,
)
_LINKS = Cause(
    name="metadata/hard-links",
    confidence=Confidence.CERTAIN,
    what="other files are hard links of one another",
    fix="link or copy files independently of what is there already (hardlink, rsync --link-dest and"
    " package managers' stores link what is equal)",
    reference=_REFERENCE,
    axis="storage",
)
_TARGET = Cause(
    name="metadata/link-target",
    confidence=Confidence.CERTAIN,
    what="the symbolic link leads to another place",
    fix="link to a name that is the same in each build",
    reference=_REFERENCE,
)
_MTIME = Cause(
    name="metadata/time",
    confidence=Confidence.CERTAIN,
    what="the file's time is that of its build",
    fix="build with samebit, or make it canonical: samebit normalise",
    reference="https://reproducible-builds.org/docs/timestamps/",
    axis="clock",
)
_TYPE = Cause(
    name="metadata/type",
    confidence=Confidence.CERTAIN,
    what="it is another kind of file",
    fix="see which command makes it, and whether another one makes it first",
    reference=_REFERENCE,
)
_ARCHIVER = Cause(
    name="metadata/archive-format",
    confidence=Confidence.CERTAIN,
    what="the layer's archive says the same in other header fields",
    fix="build with samebit, or make it canonical: samebit normalise",
    reference="https://github.com/opencontainers/image-spec/blob/main/layer.md",
)
_TEMPORARY = Cause(
    name="path/temporary",
    confidence=Confidence.LIKELY,
    what="a temporary file or directory with a random name stays behind",
    fix="remove it in the RUN that makes it, or give it a fixed name instead of mktemp's",
    reference="https://reproducible-builds.org/docs/randomness/",
)
_TEMPORARY_NAME = re.compile(rb"(.*[._-]|tmp)?([A-Za-z0-9]{6,12})")
_FIELDS = (
    (("type", "device"), _TYPE),
    (("uid", "gid"), _OWNER),
    (("hard-links",), _LINKS),
    (("mtime",), _MTIME),
)
# Bits that umask commonly takes away.
_MASKABLE = 0o077
_MOST_EVIDENCE = 5
# What is likely to be made anew in a name: numbers, hexadecimal digits, what mktemp fills in.
# The longest first: a name that begins with a digit must not be taken for a number.
_VOLATILE = re.compile(
    rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(?<=[._-])[A-Za-z0-9]{6,}"
    rb"|(?<=/)(?=\w*\d)\w{6,}|[0-9A-Fa-f]{6,}|\d+"
)


def explain_fields(
    path: bytes, fields: Iterable[FieldChange], facts: tuple[BuildFacts, BuildFacts]
) -> tuple[Cause, ...]:
    """Name what makes the attributes of an entry differ; content and size are not looked at."""
    changes = {change.field: change for change in fields if change.field != "size"}
    found: list[Cause] = []
    for names, cause in _FIELDS:
        evidence = tuple(_evidence(changes.pop(name)) for name in names if name in changes)
        if evidence:
            found.append(replace(cause, evidence=evidence))
    mode = changes.pop("mode", None)
    if mode is not None:
        found.append(_mode(mode, facts))
    target = changes.pop("link", None)
    if target is not None:
        found += _target(path, target, facts)
    xattrs = [change for name, change in sorted(changes.items()) if name.startswith("xattr ")]
    if xattrs:
        found.append(replace(_XATTR, evidence=_several(xattrs), places=len(xattrs)))
    rest = [change for name, change in sorted(changes.items()) if not name.startswith("xattr ")]
    if rest and not found:
        # Where something else differs they follow from it.
        found.append(replace(_ARCHIVER, evidence=_several(rest), places=len(rest)))
    return tuple(found)


def explain_names(
    only_a: Iterable[bytes], only_b: Iterable[bytes], facts: tuple[BuildFacts, BuildFacts]
) -> tuple[Renamed, ...]:
    """Pair paths that only one side has and that differ in what may be made anew in each build."""
    left, right = _by_mask(only_a), _by_mask(only_b)
    found = []
    for mask, paths in left.items():
        for one, other in zip(paths, right.get(mask, ()), strict=False):
            why = _why_named(one, other, facts)
            found.append(Renamed("/" + escaped(one), "/" + escaped(other), why))
    return tuple(sorted(found, key=lambda renamed: renamed.path_a))


def _why_named(one: bytes, other: bytes, facts: tuple[BuildFacts, BuildFacts]) -> Explanation:
    """Explain the first components of two paths that differ, as texts."""
    a, b = next(
        both for both in zip(one.split(b"/"), other.split(b"/"), strict=True) if both[0] != both[1]
    )
    why = explain(Pair(one, Held(a), Held(b), *facts))
    sure = [cause for cause in why.causes if cause.confidence is not Confidence.POSSIBLE]
    left, right = _TEMPORARY_NAME.fullmatch(a), _TEMPORARY_NAME.fullmatch(b)
    if not sure and left and right and left[1] == right[1] and len(a) == len(b):
        evidence = Evidence(left.start(2), right.start(2), shown(a), shown(b))
        return replace(why, causes=(replace(_TEMPORARY, evidence=(evidence,)),), unexplained=0)
    return why


def _by_mask(paths: Iterable[bytes]) -> dict[bytes, list[bytes]]:
    found: dict[bytes, list[bytes]] = {}
    for path in sorted(paths):
        masked = _VOLATILE.sub(b"\0", b"/" + path)
        if b"\0" in masked:
            found.setdefault(masked, []).append(path)
    return found


def _mode(change: FieldChange, facts: tuple[BuildFacts, BuildFacts]) -> Cause:
    evidence = (_evidence(change),)
    if change.a is None or change.b is None:
        return replace(_MODE, evidence=evidence)
    modes = int(change.a, 8), int(change.b, 8)
    masks = facts[0].umask, facts[1].umask
    if masks[0] is not None and masks[1] is not None:
        full = modes[0] | modes[1]
        expected = full & ~masks[0], full & ~masks[1]
        if modes == expected:
            return replace(_UMASK, confidence=Confidence.CERTAIN, evidence=evidence)
        return replace(_MODE, evidence=evidence)
    differing = modes[0] ^ modes[1]
    kept = modes[0] & modes[1] in modes
    return replace(_UMASK if kept and not differing & ~_MASKABLE else _MODE, evidence=evidence)


def _target(
    path: bytes, change: FieldChange, facts: tuple[BuildFacts, BuildFacts]
) -> Iterable[Cause]:
    a, b = ((text or "").encode("utf-8") for text in (change.a, change.b))
    # A target is a text like any other.
    why = explain(Pair(path, Held(a), Held(b), *facts))
    sure = [cause for cause in why.causes if cause.confidence is not Confidence.POSSIBLE]
    return sure or [replace(_TARGET, evidence=(_evidence(change),))]


def _several(changes: list[FieldChange]) -> tuple[Evidence, ...]:
    return tuple(map(_evidence, changes[:_MOST_EVIDENCE]))


def _evidence(change: FieldChange) -> Evidence:
    a, b = (
        f"{change.field} {shown(text.encode('utf-8'))}"
        if text is not None
        else f"no {change.field}"
        for text in (change.a, change.b)
    )
    return Evidence(None, None, a, b)
