"""What happened to the base images between two locks."""

from __future__ import annotations

from collections.abc import Iterable

from samebit.lock.model import LockedBase
from samebit.lock.versions.numbers import compare as compare_tags
from samebit.model.lock_difference import ChangeKind, InputChange
from samebit.model.platform import Platform

BASE_IMAGE = "base image"


def base_changes(old: Iterable[LockedBase], new: Iterable[LockedBase]) -> list[InputChange]:
    """Give the changed ones; one tag in the place of another of the same name is an upgrade."""
    before, after = ({(b.name, b.platform): _identity(b) for b in side} for side in (old, new))
    changes = []
    for name, platform in sorted(before.keys() & after.keys()):
        had, has = before[name, platform], after[name, platform]
        if had != has:
            shown = _shown(name, platform)
            changes.append(InputChange(ChangeKind.CHANGED, BASE_IMAGE, shown, (had,), (has,)))
    gone = {key: before[key] for key in before.keys() - after.keys()}
    come = {key: after[key] for key in after.keys() - before.keys()}
    for (name, platform), identity in sorted(gone.items()):
        # One other tag of the same name in its place is that image in another version.
        others = [key for key in come if _bare(key[0]) == _bare(name) and key[1] == platform]
        mine = [key for key in gone if _bare(key[0]) == _bare(name) and key[1] == platform]
        if len(others) == len(mine) == 1 and _bare(name) != name:
            tags = _tag(name), _tag(others[0][0])
            order = compare_tags(*tags)
            kind = ChangeKind.CHANGED
            if order:
                kind = ChangeKind.UPGRADED if order < 0 else ChangeKind.DOWNGRADED
            shown = _shown(_bare(name), platform)
            changes.append(InputChange(kind, BASE_IMAGE, shown, (tags[0],), (tags[1],)))
            del come[others[0]]
        else:
            shown = _shown(name, platform)
            changes.append(InputChange(ChangeKind.REMOVED, BASE_IMAGE, shown, (identity,)))
    for (name, platform), identity in sorted(come.items()):
        shown = _shown(name, platform)
        changes.append(InputChange(ChangeKind.ADDED, BASE_IMAGE, shown, (), (identity,)))
    return changes


def _shown(name: str, platform: Platform) -> str:
    return f"{name} ({platform})"


def _bare(name: str) -> str:
    """Leave the tag and digest of an image's name out."""
    name = name.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


def _tag(name: str) -> str:
    return name.removeprefix(_bare(name)).lstrip(":@")


def _identity(base: LockedBase) -> str:
    identity = [str(base.digest)] if base.digest else []
    identity += [f"diff ID {diff_id}" for diff_id in base.diff_ids]
    if base.made_from:
        identity.append(f"made from {base.made_from}")
    return ", ".join(identity)
