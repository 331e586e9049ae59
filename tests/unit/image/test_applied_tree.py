"""What layers add up to, written as one line an entry: layer by layer, then the tree."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from samebit.image.applied_tree import AppliedTrees
from samebit.image.entry import Entry, Kind
from samebit.image.entry_spool import temporary_database
from samebit.image.layer_members import Member
from samebit.image.layered_tree import LayeredTree

KINDS = {"f": b"0", "l": b"1", "s": b"2", "d": b"5"}
TYPES = {"f": b"file", "l": b"hard link", "s": b"symlink", "d": b"directory"}


def member(ordinal: int, text: str) -> Member:
    """`d a/b`, `f a/b content`, `l name target`; a mode may follow as `:0700`."""
    text, _, mode = text.partition(":")
    kind, path, *rest = text.split()
    facts = {
        "type": TYPES[kind],
        "mode": (mode or "0644").encode(),
        "uid": b"0",
        "gid": b"0",
        "mtime": b"1",
    }
    if kind == "f":
        facts["content"] = (rest[0] if rest else "").encode()
    link = rest[0].encode() if kind == "l" else b""
    return Member(ordinal, path.strip("/").encode(), KINDS[kind], link, facts)


def applied(layers: list[list[str]], directory: Path) -> list[str]:
    with temporary_database(directory, "trees") as database:
        trees = AppliedTrees(database)
        for number, layer in enumerate(layers):
            trees.start_layer(0)
            for ordinal, text in enumerate(layer):
                trees.apply(0, number, member(ordinal, text))
        trees.copy()
        shown = [
            [
                f"{entry.path.decode()}"
                + (f"={entry.facts['content'].decode()}" if "content" in entry.facts else "")
                + (f" {entry.facts['mode'].decode()}" if mode else "")
                + (f" ~{entry.facts['hard-links'].decode()}" if "hard-links" in entry.facts else "")
                for entry in trees.entries(side)
                for mode in ["mode" in entry.facts and entry.facts["mode"] != b"0644"]
            ]
            for side in (0, 1)
        ]
        assert shown[0] == shown[1]
        return shown[0]


@pytest.mark.parametrize(
    ("layers", "tree"),
    [
        ([["f a 1"], ["f b 2"]], ["a=1", "b=2"]),
        ([["f a 1"], ["f a 2"]], ["a=2"]),
        ([["f a 1", "f a 2"]], ["a=2"]),
        ([["d d", "f d/a 1"], ["f .wh.d"]], []),
        ([["d d", "f d/a 1"], ["f .wh.d", "d d"]], ["d"]),
        # A whiteout means lower layers wherever it stands.
        ([["d d", "f d/a 1"], ["d d", "f d/b 2", "f .wh.d"]], ["d", "d/b=2"]),
        ([["d d", "f d/a 1"], ["f d/b 2", "f .wh.d"]], ["d", "d/b=2"]),
        ([["d d", "f d/a 1"], ["d d", "f d/b 2", "f d/.wh..wh..opq"]], ["d", "d/b=2"]),
        (
            [["d d", "d d/s", "f d/s/a 1"], ["f d/s/b 2", "f d/.wh..wh..opq"]],
            ["d", "d/s", "d/s/b=2"],
        ),
        ([["f a 1", "f b 2"], ["f .wh..wh..opq", "f c 3"]], ["c=3"]),
        ([["f a 1"], ["f .wh..wh.aufs", "f .wh..wh.plnk"]], ["a=1"]),
        # Neighbours that only begin alike stay.
        (
            [["d d", "f d/a 1", "f d-b 2", "f d.c 3", "f d0 4"], ["f .wh.d"]],
            ["d-b=2", "d.c=3", "d0=4"],
        ),
        ([["d d", "f d/a 1"], ["f d 2"]], ["d=2"]),
        ([["f d 2"], ["f d/a 1"]], ["d", "d/a=1"]),
        ([["s d x"], ["d d", "f d/a 1"]], ["d", "d/a=1"]),
        # A directory that comes again keeps what is in it and changes its attributes.
        ([["d d", "f d/a 1"], ["d d :0700"]], ["d 0700", "d/a=1"]),
        ([["f x/y/z 1"]], ["x", "x/y", "x/y/z=1"]),
        ([["f a 1", "l b a"]], ["a=1 ~a", "b=1 ~a"]),
        ([["f a 1", "l b a", "l c b"], ["f a 2"]], ["a=2", "b=1 ~b", "c=1 ~b"]),
        ([["f a 1", "l b a"], ["f .wh.a"]], ["b=1"]),
        ([["f a 1"], ["l b a"]], ["a=1 ~a", "b=1 ~a"]),
        # Unpackers set a link's attributes, and so those of all its names.
        ([["f a 1", "l b a :0600"]], ["a=1 0600 ~a", "b=1 0600 ~a"]),
        ([["l b nowhere"]], ["b"]),
    ],
)
def test_layers_add_up(tmp_path: Path, layers: list[list[str]], tree: list[str]) -> None:
    assert applied(layers, tmp_path) == tree


def test_against_the_tree_in_memory(tmp_path: Path) -> None:
    """Both readers of layers agree on random small trees."""
    chance = random.Random(7)
    for _ in range(300):
        names = ["a", "b", "d", "d/a", "d/e", "d/e/a", ".wh.a", ".wh.d", "d/.wh.a", "d/.wh.e"]
        names += ["d/.wh..wh..opq"]
        layers = []
        for _ in range(3):
            chosen = chance.sample(names, chance.randrange(1, 6))
            layer = [
                f"d {n}" if n in ("d", "d/e") else f"f {n} {chance.randrange(3)}" for n in chosen
            ]
            layers.append(layer)
        oracle = LayeredTree()
        for layer in layers:
            oracle.begin("layer")
            for text in layer:
                kind, path, *rest = text.split()
                content = rest[0].encode() if rest else b""
                oracle.add(Entry(path.encode(), Kind(KINDS[kind]), 0o644), content)
            oracle.end()
        expected = [
            path.decode() + (f"={inode.content.decode()}" if inode.kind is Kind.FILE else "")
            for path, inode in oracle.inodes()
        ]
        assert applied(layers, tmp_path) == expected, layers
