"""What engines leave in images for RUN, as far as the finished image still shows it.

docs/canonical-form.md, "Leftovers in finished images"; docs/decisions/0071. A build knows what a
step made; a finished image only shows what is there, so the list is short and fixed.
"""

from __future__ import annotations

from samebit.image.entry import Entry, Kind
from samebit.image.tree_index import TreeIndex

# Every runtime binds files of its own over these, or makes them, when a container starts.
_FILES = (b".dockerenv", b"etc/hostname", b"etc/hosts", b"etc/resolv.conf", b"run/.containerenv")
# Mount points, each after what may be in it.
_DIRECTORIES = (
    *(b"dev/mqueue", b"dev/pts", b"dev/shm", b"dev", b"proc", b"run/secrets", b"run", b"sys"),
    b"etc",
)
_DIRECTORY_MODES = (0o755, 0o555)


def leftovers(final: TreeIndex, base: TreeIndex, *, base_known: bool) -> frozenset[bytes]:
    """Give the paths of `final` that are leftovers of engines; `base` lacks all of them.

    These are empty files under five names, and directories under nine that hold nothing else; all
    of them owned by 0:0, without extended attributes, and no hard links. When the base is not known
    a directory may be the base's own, so none is dropped but an `etc` that held only such files.
    """
    linked = {path for group in final.groups() for path in group}
    entries, below = final.entries, base.entries
    found: set[bytes] = set()
    for path in _FILES:
        entry = entries.get(path)
        if (
            entry is not None
            and entry.kind is Kind.FILE
            and entry.size == 0
            and path not in linked
            and path not in below
            and _is_plain(entry)
        ):
            found.add(path)
    children = _children(final)
    for path in _DIRECTORIES:
        entry = entries.get(path)
        if (
            entry is not None
            and entry.kind is Kind.DIRECTORY
            and entry.mode in _DIRECTORY_MODES
            and path not in below
            and _is_plain(entry)
            and children[path] <= found
            and (base_known or (path == b"etc" and children[path]))
        ):
            found.add(path)
    return frozenset(found)


def _is_plain(entry: Entry) -> bool:
    return (entry.uid, entry.gid, entry.xattrs) == (0, 0, ())


def _children(index: TreeIndex) -> dict[bytes, set[bytes]]:
    found: dict[bytes, set[bytes]] = {path: set() for path in _DIRECTORIES}
    for path in index.entries:
        parent = path.rpartition(b"/")[0]
        if parent in found:
            found[parent].add(path)
    return found
