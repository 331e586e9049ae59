"""What normalising takes for a leftover of an engine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from samebit.image.base_index import BaseIndex
from samebit.image.engine_leftovers import without_leftovers
from samebit.image.entry import Entry, Kind
from samebit.image.index_difference import EMPTY


def tree(text: str) -> BaseIndex:
    """Make a tree: `name/` is a directory, `name` an empty file, `name=SIZE` one with content."""
    entries = {}
    for word in text.split():
        name, _, size = word.partition("=")
        path = name.rstrip("/").encode()
        kind = Kind.DIRECTORY if name.endswith("/") else Kind.FILE
        entries[path] = Entry(path, kind, 0o755, size=int(size or 0))
    files = {path: b"" for path, entry in entries.items() if entry.kind is Kind.FILE}
    return BaseIndex(dict(sorted(entries.items())), files, ())


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
        found = without_leftovers(tree(final), tree(base), base_known=base_known)
        wanted = tree(expected)
        assert (set(found.entries), found.contents) == (set(wanted.entries), wanted.contents)


@pytest.mark.parametrize(
    "changes",
    [{"uid": 1}, {"gid": 1}, {"xattrs": ((b"user.a", b"b"),)}, {"mode": 0o1777}, {"mode": 0o700}],
)
def test_a_directory_that_somebody_made_stays(changes: dict[str, int]) -> None:
    given = Entry(b"run", Kind.DIRECTORY, 0o755)
    other = replace(given, **changes)  # type: ignore[arg-type]
    for entry, left in ((given, []), (other, [b"run"])):
        found = without_leftovers(BaseIndex({b"run": entry}, {}, ()), EMPTY, base_known=True)
        assert list(found.entries) == left


def test_other_types_and_hard_links_stay() -> None:
    entries = {
        b"etc/hosts": Entry(b"etc/hosts", Kind.SYMLINK, 0o777, link=b"x"),
        b"etc/resolv.conf": Entry(b"etc/resolv.conf", Kind.FILE, 0o644),
        b"linked": Entry(b"linked", Kind.FILE, 0o644),
    }
    groups = ((b"etc/resolv.conf", b"linked"),)
    found = without_leftovers(BaseIndex(entries, {}, groups), EMPTY, base_known=True)
    assert found.entries == entries
