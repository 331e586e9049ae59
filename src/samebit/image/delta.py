"""The layer's entries: the difference of two trees, applied to what the base's blobs say.

Implements docs/canonical-form.md, "The layer": changed entries, every ancestor directory, whole
hard-link groups, explicit whiteouts. What engines make for RUN (mount points, /etc/hosts) is not in
the tree any more: the runtime shim knows it from what the Dockerfile made, which looks the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from samebit.errors import MachineError
from samebit.image.entry import Entry, Kind
from samebit.image.tree import Change, TreeDifference
from samebit.image.whiteout import whiteout


class BaseTree(Protocol):
    """What the delta needs to know of the base's blobs."""

    @property
    def entries(self) -> Mapping[bytes, Entry]:
        """The base's entries by path."""

    def groups(self) -> Iterable[tuple[bytes, ...]]:
        """Give the hard-link groups of two or more paths."""


@dataclass(frozen=True, slots=True)
class Delta:
    """The layer's entries in bytewise path order, and what was left out with a reason to say so."""

    entries: tuple[Entry, ...]
    dropped_acls: tuple[bytes, ...]


def make_delta(
    difference: TreeDifference, base: BaseTree, *, breaks_links: bool, stages: int = 1
) -> Delta:
    """Turn a difference of renderings into layer entries.

    `breaks_links` says that the storage breaks a base's hard links on write, as overlay does; where
    it does not (vfs), a change that reaches a base's group raises MachineError naming the path,
    because the storage cannot show which names were written. `stages` is how many stages stand on
    the base: links made by an earlier one are refused alike.
    """
    changes = difference.changes
    if not breaks_links:
        _refuse_hidden_links(difference, changes, base, stages)
    entries: dict[bytes, Entry] = {
        path: _true_entry(change, base) for path, change in changes.items()
    }
    for paths in difference.links.values():
        if any(path in changes for path in paths):
            entries.update(_link_group(paths, difference, entries, base))
    for path in difference.removed:
        if base.entries.get(path) is not None:
            gone = whiteout(path)
            entries[gone.path] = gone
    for path in sorted(entries):
        for ancestor in _ancestors(path):
            if ancestor not in entries:
                entries[ancestor] = base.entries.get(ancestor) or Entry(
                    ancestor, Kind.DIRECTORY, 0o755
                )
    return Delta(
        tuple(entries[path] for path in sorted(entries)),
        tuple(path for path in difference.dropped_acls if path in changes),
    )


def _true_entry(change: Change, base: BaseTree) -> Entry:
    """Attributes the build did not change come from the base's blobs, not from the rendering."""
    final, before = change.final, change.base
    known = base.entries.get(final.path)
    if before is None or known is None or before.kind is not final.kind:
        return final
    if known.kind is not final.kind and known.kind is not Kind.HARDLINK:
        return final
    return replace(
        final,
        mode=known.mode if final.mode == before.mode else final.mode,
        uid=known.uid if final.uid == before.uid else final.uid,
        gid=known.gid if final.gid == before.gid else final.gid,
        xattrs=known.xattrs if final.xattrs == before.xattrs else final.xattrs,
    )


def _link_group(
    paths: tuple[bytes, ...],
    difference: TreeDifference,
    entries: Mapping[bytes, Entry],
    base: BaseTree,
) -> dict[bytes, Entry]:
    candidates: list[Entry] = []
    for path in paths:
        if path in difference.unchanged_links:
            known = base.entries.get(path)
            if known is not None:
                candidates.append(
                    replace(
                        difference.unchanged_links[path],
                        mode=known.mode,
                        uid=known.uid,
                        gid=known.gid,
                        xattrs=known.xattrs,
                    )
                )
        elif path in entries and difference.changes[path].base is not None:
            candidates.append(entries[path])
    attributes = candidates[0] if candidates else entries[paths[0]]
    first, *others = paths
    group = {first: replace(attributes, path=first)}
    for path in others:
        group[path] = replace(
            attributes,
            path=path,
            kind=Kind.HARDLINK,
            link=first,
            size=0,
            device=(0, 0),
            xattrs=(),
        )
    return group


def _refuse_hidden_links(
    difference: TreeDifference, changes: Mapping[bytes, Change], base: BaseTree, stages: int
) -> None:
    below = {path for group in base.groups() for path in group}
    for paths in difference.links.values():
        # What an earlier stage linked is not in the base's index, so there any link may be one.
        members = [path for path in paths if path in below or stages > 1]
        if members and any(path in changes for path in paths):
            name = members[0].decode("utf-8", "backslashreplace")
            raise MachineError(
                f"/{name} is one of several hard links from below this build's last stage, and this"
                " storage driver cannot show which of them was changed",
                fix="use the overlay driver: unset SAMEBIT_STORAGE_DRIVER, or keep SAMEBIT_HOME on"
                " a file system that supports overlay",
            )


def _ancestors(path: bytes) -> list[bytes]:
    found = []
    while b"/" in path:
        path = path.rpartition(b"/")[0]
        found.append(path)
    return found
