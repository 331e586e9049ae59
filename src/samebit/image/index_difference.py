"""The layer's entries as the difference of two trees that layers add up to, without any engine.

docs/canonical-form.md, "The layer: which entries". What an engine's rendering is compared with is
`samebit.image.delta`; here both trees come from layers, so their attributes are true as they are.
"""

from __future__ import annotations

from dataclasses import replace

from samebit.image.base_index import BaseIndex
from samebit.image.entry import Entry, Kind
from samebit.image.whiteout import whiteout

EMPTY = BaseIndex({}, {}, ())

# What unpackers make of a root directory that no layer describes.
_ROOT = Entry(b"", Kind.DIRECTORY, 0o755)


def layer_entries(base: BaseIndex, final: BaseIndex) -> tuple[Entry, ...]:
    """Give the entries of the one layer that makes `final` of `base`, in bytewise order of paths.

    Names of a hard-link group that did not change in any of its names are not among them. The
    content of a file is the one that `final` has for its path.
    """
    entries = {path: entry for path, entry in final.entries.items() if _differs(base, final, path)}
    if _root(base) == _root(final):
        entries.pop(b"", None)
    else:
        entries[b""] = _root(final)
    for group in final.groups():
        if any(path in entries for path in group):
            first, *others = group
            entries[first] = final.entries[first]
            for path in others:
                entries[path] = replace(
                    final.entries[path], kind=Kind.HARDLINK, link=first, size=0, xattrs=()
                )
    for path in base.entries:
        if path and path not in final.entries and _is_directory(final, path.rpartition(b"/")[0]):
            gone = whiteout(path)
            entries[gone.path] = gone
    for path in list(entries):
        above = path.rpartition(b"/")[0]
        while above and above not in entries:
            entries[above] = final.entries[above]
            above = above.rpartition(b"/")[0]
    return tuple(entries[path] for path in sorted(entries))


def _differs(base: BaseIndex, final: BaseIndex, path: bytes) -> bool:
    return base.entries.get(path) != final.entries[path] or base.contents.get(
        path
    ) != final.contents.get(path)


def _root(index: BaseIndex) -> Entry:
    return index.entries.get(b"", _ROOT)


def _is_directory(index: BaseIndex, path: bytes) -> bool:
    found = index.entries.get(path, _ROOT if not path else None)
    return found is not None and found.kind is Kind.DIRECTORY
