"""The difference of two trees that layers add up to, as layer entries."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from samebit.image.entry import Entry, Kind
from samebit.image.index_difference import layer_entries
from samebit.image.layered_tree import LayeredTree
from samebit.image.tree_index import TreeIndex

EMPTY = TreeIndex.of(LayeredTree())


def directory(path: str, mode: int = 0o755) -> Entry:
    return Entry(path.encode(), Kind.DIRECTORY, mode)


def file(path: str, mode: int = 0o644, size: int = 1) -> Entry:
    return Entry(path.encode(), Kind.FILE, mode, size=size)


def link(path: str, target: str, mode: int = 0o644) -> Entry:
    return Entry(path.encode(), Kind.HARDLINK, mode, link=target.encode())


def tree(*layers: list[tuple[Entry, str] | Entry]) -> TreeIndex:
    made = LayeredTree()
    for layer in layers:
        made.begin("layer")
        for item in layer:
            entry, content = item if isinstance(item, tuple) else (item, "same")
            made.add(entry, sha256(content.encode()).digest() if entry.kind is Kind.FILE else b"")
        made.end()
    return TreeIndex.of(made)


LOWER: list[tuple[Entry, str] | Entry] = [
    *(directory("d", 0o700), file("d/a"), file("d/b"), directory("d/e"), file("d/e/f"), file("x")),
    *(file("d-n"), file("l/one"), link("l/two", "l/one")),
]
CASES: dict[str, tuple[list[tuple[Entry, str] | Entry], str]] = {
    "nothing": ([], ""),
    "rewritten unchanged": ([directory("d", 0o700), file("d/a")], ""),
    "content": ([(file("d/a"), "new")], "d d/a"),
    "mode": ([file("d/e/f", 0o600)], "d d/e d/e/f"),
    "directory's mode": ([directory("d/e", 0o700)], "d d/e"),
    "added beside": ([file("d/a-b"), file("d/a-b2")], "d d/a-b d/a-b2"),
    "removed": ([file("d/.wh.e")], "d d/.wh.e"),
    "removed and the same again": ([file(".wh.d-n"), file("d-n")], ""),
    "opaque": ([directory("d", 0o700), file("d/.wh..wh..opq"), file("d/n")], ""),
    "by a file": ([file("d")], "d"),
    "by a directory": ([directory("x"), file("x/y")], "x x/y"),
    "below an implied one": ([file("n/m/y")], "n n/m n/m/y"),
    "a link to the base": ([link("z", "d/a")], "d d/a z>d/a"),
    "one of a base's group": ([(file("l/two"), "new")], "l l/two"),
    "a group's mode": ([link("l/two", "l/one", 0o600)], "l l/one l/two>l/one"),
    "a third name": ([link("a", "l/two")], "a l l/one>a l/two>a"),
}
CASES["opaque"] = (CASES["opaque"][0], "d d/.wh.a d/.wh.b d/.wh.e d/n")


def shown(entries: tuple[Entry, ...]) -> str:
    return " ".join(
        (entry.path + (b">" + entry.link if entry.link else b"")).decode() for entry in entries
    )


@pytest.mark.parametrize("name", CASES)
def test_cases(name: str) -> None:
    upper, expected = CASES[name]
    base, final = tree(LOWER), tree(LOWER, upper)
    entries = layer_entries(base, final)
    assert shown(entries) == expected
    for entry in entries:
        if entry.kind is Kind.DIRECTORY:
            assert entry == final.entries[entry.path]


def test_everything_over_nothing() -> None:
    final = tree(LOWER)
    assert shown(layer_entries(EMPTY, final)) == ("d d-n d/a d/b d/e d/e/f l l/one l/two>l/one x")
    assert layer_entries(final, final) == ()
    assert shown(layer_entries(final, EMPTY)) == ".wh.d .wh.d-n .wh.l .wh.x"


def test_links_are_bare() -> None:
    shared = replace(file("a", 0o640), uid=3, gid=4, xattrs=((b"user.x", b"1"),))
    entries = layer_entries(EMPTY, tree([shared, replace(link("b", "a", 0o640), uid=3, gid=4)]))
    assert entries[0] == shared
    assert entries[1] == Entry(b"b", Kind.HARDLINK, 0o640, 3, 4, link=b"a")


@pytest.mark.parametrize(
    ("base", "final", "expected"),
    [(None, 0o755, []), (0o755, None, []), (0o700, 0o700, []), (None, 0o700, [0o700])],
)
def test_the_root_is_there_only_when_it_differs(
    base: int | None, final: int | None, expected: list[int]
) -> None:
    def root(mode: int | None) -> TreeIndex:
        return tree([file("x")] if mode is None else [directory("", mode), file("x")])

    assert [entry.mode for entry in layer_entries(root(base), root(final))] == expected
