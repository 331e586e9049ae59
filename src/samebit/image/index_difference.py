"""The layer's entries as the difference of two trees that layers add up to, without any engine.

docs/canonical-form.md, "The layer: which entries". What an engine's rendering is compared with is
`samebit.image.delta`; here both trees come from layers, so their attributes are true as they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from samebit.image.entry import Entry, Kind
from samebit.image.tree_index import TreeIndex
from samebit.image.whiteout import whiteout

# What unpackers make of a root directory that no layer describes.
_ROOT = Entry(b"", Kind.DIRECTORY, 0o755)
_NOTHING: frozenset[bytes] = frozenset()


def layer_entries(
    base: TreeIndex, final: TreeIndex, without: frozenset[bytes] = _NOTHING
) -> tuple[Entry, ...]:
    """Give the entries of the one layer that makes `final` of `base`, in bytewise order of paths.

    Names of a hard-link group that did not change in any of its names are not among them. The
    content of a file is the one that `final` has for its path. `without` are paths of `final` that
    are taken for absent: `base` lacks them, and nothing else is below them.
    """
    entries: dict[bytes, Entry] = {}
    gone: list[bytes] = []
    for path, before, after in _side_by_side(base, final):
        if not path or path in without:
            continue
        if after is None:
            gone.append(path)
        elif before is None or _differ(base, before, final, after):
            entries[path] = final.entry(after)
    if _root(base) != _root(final):
        entries[b""] = _root(final)
    for group in final.groups():
        if any(path in entries for path in group):
            first, *others = group
            entries[first] = final.entries[first]
            for path in others:
                entries[path] = replace(
                    final.entries[path],
                    kind=Kind.HARDLINK,
                    link=first,
                    size=0,
                    device=(0, 0),
                    xattrs=(),
                )
    for path in gone:
        if _is_directory(final, path.rpartition(b"/")[0]):
            removed = whiteout(path)
            entries[removed.path] = removed
    for path in list(entries):
        above = path.rpartition(b"/")[0]
        while above and above not in entries:
            entries[above] = final.entries[above]
            above = above.rpartition(b"/")[0]
    return tuple(entries[path] for path in sorted(entries))


def _side_by_side(
    base: TreeIndex, final: TreeIndex
) -> Iterator[tuple[bytes, int | None, int | None]]:
    """Give every path with its positions in both trees."""
    before = after = 0
    while before < len(base) or after < len(final):
        old = base.path(before) if before < len(base) else None
        new = final.path(after) if after < len(final) else None
        if new is None or (old is not None and old < new):
            assert old is not None
            yield old, before, None
            before += 1
        elif old is None or new < old:
            yield new, None, after
            after += 1
        else:
            yield new, before, after
            before += 1
            after += 1


def _differ(base: TreeIndex, before: int, final: TreeIndex, after: int) -> bool:
    # Only files have a content, and those of different kinds are different entries already.
    return base.content(before) != final.content(after) or base.entry(before) != final.entry(after)


def _root(index: TreeIndex) -> Entry:
    return index.entries.get(b"", _ROOT)


def _is_directory(index: TreeIndex, path: bytes) -> bool:
    found = index.entries.get(path, _ROOT if not path else None)
    return found is not None and found.kind is Kind.DIRECTORY
