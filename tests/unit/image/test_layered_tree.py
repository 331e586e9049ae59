from __future__ import annotations

import pytest

from samebit.errors import InputError
from samebit.image.entry import Entry, Kind
from samebit.image.layered_tree import LayeredTree


def directory(path: bytes, mode: int = 0o700) -> Entry:
    return Entry(path, Kind.DIRECTORY, mode)


def file(path: bytes, mode: int = 0o644) -> Entry:
    return Entry(path, Kind.FILE, mode)


def link(path: bytes, target: bytes, mode: int = 0o644) -> Entry:
    return Entry(path, Kind.HARDLINK, mode, link=target)


def symlink(path: bytes, target: bytes) -> Entry:
    return Entry(path, Kind.SYMLINK, 0o777, link=target)


def applied(*layers: list[Entry]) -> dict[bytes, Entry]:
    tree = LayeredTree()
    for number, layer in enumerate(layers):
        tree.begin(f"layer {number}")
        for entry in layer:
            tree.add(entry, b"%d" % number)
        tree.end()
    return {path: inode.entry(path) for path, inode in tree.inodes()}


LOWER = [directory(b"d"), file(b"d/a"), file(b"d/b"), directory(b"d/e"), file(b"d/e/f"), file(b"x")]

ALL = "d d/a d/b d/e d/e/f x"

CASES: dict[str, tuple[list[Entry], str]] = {
    "nothing": ([], ALL),
    "explicit": ([file(b"d/.wh.a")], "d d/b d/e d/e/f x"),
    "explicit directory": ([file(b".wh.d")], "x"),
    "explicit, absent": ([file(b".wh.nothing"), file(b"no/.wh.x")], ALL),
    "explicit after its replacement": ([file(b"x"), file(b".wh.x")], ALL),
    "explicit and a new directory": ([file(b".wh.d"), directory(b"d"), file(b"d/n")], "d d/n x"),
    "a new directory and explicit": ([directory(b"d"), file(b"d/n"), file(b".wh.d")], "d d/n x"),
    "explicit and children only": ([file(b".wh.d"), file(b"d/e/n")], "d d/e d/e/n x"),
    "opaque": ([directory(b"d"), file(b"d/.wh..wh..opq"), file(b"d/n")], "d d/n x"),
    "opaque last": ([directory(b"d"), file(b"d/n"), file(b"d/.wh..wh..opq")], "d d/n x"),
    "opaque root": ([file(b".wh..wh..opq"), file(b"n")], "n"),
    "opaque below": ([file(b"d/e/.wh..wh..opq"), file(b"d/e/n")], "d d/a d/b d/e d/e/n x"),
    "opaque and explicit": ([file(b"d/.wh..wh..opq"), file(b".wh.d")], "x"),
    "opaque, absent": ([file(b"no/.wh..wh..opq")], ALL),
    "aufs": ([directory(b".wh..wh.plnk"), file(b".wh..wh.aufs")], ALL),
    "directory by file": ([file(b"d")], "d x"),
    "directory by symlink": ([symlink(b"d", b"x")], "d x"),
    "file by directory": ([directory(b"x"), file(b"x/y")], "d d/a d/b d/e d/e/f x x/y"),
    "file by implied directory": ([file(b"x/y")], "d d/a d/b d/e d/e/f x x/y"),
    "implied directories": ([file(b"n/m/y")], "d d/a d/b d/e d/e/f n n/m n/m/y x"),
    "merged": ([directory(b"d", 0o711)], ALL),
    "sibling name": ([file(b".wh.d"), file(b"d-n")], "d-n x"),
}


@pytest.mark.parametrize("name", CASES)
def test_rules(name: str) -> None:
    upper, expected = CASES[name]
    assert b" ".join(applied(LOWER, upper)).decode() == expected


def test_attributes() -> None:
    assert applied(LOWER, [directory(b"d", 0o711)])[b"d"].mode == 0o711
    assert applied(LOWER, [file(b"n/y")])[b"n"] == directory(b"n", 0o755)
    # A directory that is hidden and comes back only through its children starts anew.
    assert applied(LOWER, [file(b".wh.d"), file(b"d/n")])[b"d"].mode == 0o755
    assert applied(LOWER, [file(b"d/n")])[b"d"].mode == 0o700


def test_later_duplicates_win() -> None:
    assert applied([file(b"a", 0o600), file(b"a", 0o640)])[b"a"].mode == 0o640
    assert list(applied([directory(b"a"), file(b"a/b"), file(b"a")])) == [b"a"]


def test_the_root_is_there_only_when_a_layer_had_it() -> None:
    assert b"" not in applied([file(b"a")])
    assert applied([file(b"a")], [directory(b"", 0o711)])[b""].mode == 0o711


def groups(*layers: list[Entry]) -> list[list[bytes]]:
    tree = LayeredTree()
    for layer in layers:
        tree.begin("x")
        for entry in layer:
            tree.add(entry, b"")
        tree.end()
    names: dict[int, list[bytes]] = {}
    for path, inode in tree.inodes():
        names.setdefault(id(inode), []).append(path)
    return [group for group in names.values() if len(group) > 1]


def test_hard_links_are_one_inode() -> None:
    assert groups([file(b"b"), link(b"a", b"b"), link(b"c", b"a")]) == [[b"a", b"b", b"c"]]
    assert groups([file(b"a")], [link(b"b", b"a")]) == [[b"a", b"b"]]
    assert groups([file(b"a"), link(b"b", b"a")], [file(b"a")]) == []
    assert groups([file(b"a"), link(b"b", b"a"), link(b"c", b"a")], [file(b".wh.a")]) == [
        [b"b", b"c"]
    ]
    assert groups([symlink(b"s", b"x"), link(b"t", b"s")]) == [[b"s", b"t"]]


def test_a_link_sets_the_attributes_of_its_group() -> None:
    found = applied([file(b"a", 0o600), link(b"b", b"a", 0o755)])
    assert found[b"a"].mode == found[b"b"].mode == 0o755
    assert found[b"b"].kind is Kind.FILE


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ([[link(b"a", b"b")]], "not a file here"),
        ([[directory(b"d"), link(b"a", b"d")]], "not a file here"),
        ([[symlink(b"d", b"/etc"), file(b"d/x")]], "entries stand below it"),
        ([[file(b"d"), file(b"d/x/y")]], "entries stand below it"),
        ([[file(b".wh.")]], "invalid"),
        ([[file(b"d/.wh...")]], "invalid"),
        ([[file(b".wh..")]], "invalid"),
    ],
)
def test_refused(layers: list[list[Entry]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        applied(*layers)


def test_a_lower_symlink_is_hidden_not_followed() -> None:
    found = applied(
        [directory(b"usr"), directory(b"usr/lib"), symlink(b"lib", b"usr/lib")], [file(b"lib/x")]
    )
    assert found[b"lib"].kind is Kind.DIRECTORY
    assert b"usr/lib/x" not in found


def test_implied_directories_are_bounded() -> None:
    with pytest.raises(InputError, match="too many directories"):
        applied([file(b"%d/" % number + b"a/" * 2000 + b"f") for number in range(100)])


def test_many_nested_whiteouts_cost_no_walk_each(monkeypatch: pytest.MonkeyPatch) -> None:
    deep = [directory(b"/".join([b"d"] * depth)) for depth in range(1, 300)]
    whiteouts = [file(entry.path + b"/.wh.d") for entry in deep] + [
        file(entry.path + b"/.wh..wh..opq") for entry in deep
    ]
    walked = 0
    subtree = LayeredTree._subtree

    def counted(tree: LayeredTree, path: bytes) -> list[bytes]:
        nonlocal walked
        found = subtree(tree, path)
        walked += len(found)
        return found

    monkeypatch.setattr(LayeredTree, "_subtree", counted)
    # The layer holds anew what it hides, so that every walk would be a long one.
    assert len(applied(deep, deep + whiteouts)) == len(deep)
    assert walked <= len(deep)
