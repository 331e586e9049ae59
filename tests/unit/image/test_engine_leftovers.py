"""What normalising takes for a leftover of an engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from samebit.image.engine_leftovers import leftovers
from samebit.image.entry import Entry, Kind
from samebit.image.layered_tree import LayeredTree
from samebit.image.tree_index import TreeIndex


def indexed(*entries: Entry) -> TreeIndex:
    made = LayeredTree()
    made.begin("layer")
    for entry in entries:
        made.add(entry, bytes(32) if entry.kind is Kind.FILE else b"")
    made.end()
    return TreeIndex.of(made)


def tree(text: str) -> TreeIndex:
    """Make a tree: `name/` is a directory, `name` an empty file, `name=SIZE` one with content."""
    entries = []
    for word in text.split():
        name, _, size = word.partition("=")
        kind = Kind.DIRECTORY if name.endswith("/") else Kind.FILE
        entries.append(Entry(name.rstrip("/").encode(), kind, 0o755, size=int(size or 0)))
    return indexed(*entries)


BUILDAH = "dev/ etc/ etc/hostname etc/hosts etc/resolv.conf proc/ run/ sys/"


@pytest.mark.parametrize(
    ("final", "base", "known", "unknown"),
    [
        (BUILDAH, "", "", "dev/ proc/ run/ sys/"),
        (BUILDAH, "etc/ run/", "etc/ run/", "etc/ run/ dev/ proc/ sys/"),
        ("etc/ etc/hosts=5 run/ run/app/", "", "etc/ etc/hosts=5 run/ run/app/", None),
        ("run/ run/.containerenv run/secrets/", "", "", "run/ run/secrets/"),
        ("dev/ dev/pts/ dev/shm/ dev/null=1", "", "dev/ dev/null=1", None),
        ("etc/ etc/hosts etc/passwd=3", "", "etc/ etc/passwd=3", "etc/ etc/passwd=3"),
        ("etc/ etc/hosts", "etc/ etc/hosts", "etc/ etc/hosts", "etc/ etc/hosts"),
        ("etc/ app/ run.d/", "", "app/ run.d/", "etc/ app/ run.d/"),
        (".dockerenv etc/ etc/os-release", "", "etc/ etc/os-release", "etc/ etc/os-release"),
    ],
)  # fmt: skip
def test_trees(final: str, base: str, known: str, unknown: str | None) -> None:
    for base_known, expected in ((True, known), (False, final if unknown is None else unknown)):
        found = leftovers(tree(final), tree(base), base_known=base_known)
        assert set(tree(final).entries) - found == set(tree(expected).entries)


@pytest.mark.parametrize(
    "changes",
    [{"uid": 1}, {"gid": 1}, {"xattrs": ((b"user.a", b"b"),)}, {"mode": 0o1777}, {"mode": 0o700}],
)
def test_a_directory_that_somebody_made_stays(changes: dict[str, int]) -> None:
    given = Entry(b"run", Kind.DIRECTORY, 0o755)
    other = replace(given, **changes)  # type: ignore[arg-type]
    assert leftovers(indexed(given), indexed(), base_known=True) == {b"run"}
    assert leftovers(indexed(other), indexed(), base_known=True) == set()


def test_other_types_and_hard_links_stay() -> None:
    entries = (
        Entry(b"etc/hosts", Kind.SYMLINK, 0o777, link=b"x"),
        Entry(b"etc/resolv.conf", Kind.FILE, 0o644),
        Entry(b"linked", Kind.HARDLINK, 0o644, link=b"etc/resolv.conf"),
    )
    assert leftovers(indexed(*entries), indexed(), base_known=True) == set()
