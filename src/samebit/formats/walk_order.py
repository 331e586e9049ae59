"""The order of an archive's members, where it is only the order in which directories were read.

A program that packs a directory writes the directory and then, one after the other, what a file
system lists in it. That order is a hash's or a history's, and nobody asked for it, so what follows
a directory's own member is sorted by name. Where only files are packed (find, CPack), there is no
such member; then those of one topmost directory are sorted, as `LC_ALL=C sort` would do it. What
was named one by one on the top keeps its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import groupby

MAX_MEMBERS = 200_000
"""How many members are put in order; each takes memory."""


def walk_order(
    members: Sequence[tuple[bytes, bool]], loose: Collection[int] = ()
) -> list[int] | None:
    """Give the members' indices in the order of a walk that sorts what it finds.

    `members` are their names, with true for a directory; `loose` are those that their program wrote
    later than it found them. Every directory still comes before what is in it. Gives None for
    archives that no single walk wrote: with a name twice, or with something of a directory away
    from the rest of it.
    """
    children: dict[int | None, list[int]] = {None: []}
    paths = [_path(name) for name, _ in members]
    directories = {path: index for index, path in enumerate(paths) if members[index][1]}
    if len(set(paths)) != len(paths):
        return None
    above: list[int] = []
    for index, path in enumerate(paths):
        parent = directories.get(folder) if (folder := _folder(path)) is not None else None
        if index in loose:
            children[parent if parent is not None and parent < index else None].append(index)
            continue
        if parent is not None and parent < index:
            while above and above[-1] != parent:
                above.pop()
            if not above:
                return None
            children[parent].append(index)
        elif any(directories.get(each, index) < index for each in _folders(path)):
            return None
        else:
            above.clear()
            children[None].append(index)
        if members[index][1]:
            children[index] = []
            above.append(index)
    names = [name for name, _ in members]
    order: list[int] = []
    pending = _sorted_tops(children[None], names, paths)[::-1]
    while pending:
        index = pending.pop()
        order.append(index)
        pending += sorted(children.get(index, ()), key=paths.__getitem__, reverse=True)
    return order


def _sorted_tops(tops: Sequence[int], names: Sequence[bytes], paths: Sequence[bytes]) -> list[int]:
    """Sort what is in one topmost directory that has no member, each with what is in it."""
    runs = [(top, list(run)) for top, run in groupby(tops, lambda index: _top(names[index]))]
    times = Counter(top for top, _ in runs)
    members = {paths[index] for index in tops}
    order = []
    for top, run in runs:
        # A directory may come last for its mode, which would forbid to write into it.
        is_free = not any(above in members for index in run for above in _folders(paths[index]))
        if top is not None and times[top] == 1 and is_free:
            run.sort(key=paths.__getitem__)
        order += run
    return order


def _top(name: bytes) -> bytes | None:
    top, slash, rest = name.partition(b"/")
    return top if slash and rest else None


def _path(name: bytes) -> bytes:
    """Name what a member is without the ways to write it: `./a/` is `a`, and `./` is nothing."""
    while name.startswith(b"./"):
        name = name[2:].lstrip(b"/")
    path = name.rstrip(b"/")
    if not path and name:
        return b"/"
    return b"" if path == b"." else path


def _folder(path: bytes) -> bytes | None:
    """Name the directory of a path, None above the topmost."""
    if path in (b"", b"/"):
        return None
    folder, slash, _ = path.rpartition(b"/")
    return folder or (b"/" if slash else b"")


def _folders(path: bytes) -> list[bytes]:
    """Name all directories above a path, the nearest first."""
    found = []
    while (folder := _folder(path)) is not None:
        found.append(folder)
        path = folder
    return found
