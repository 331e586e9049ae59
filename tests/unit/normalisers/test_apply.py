from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pytest

from samebit.image.entry import Entry, Kind
from samebit.image.whiteout import whiteout
from samebit.model.normalising import NO_CHOICES, NormaliserChoices, PathRule
from samebit.normalisers import apply as module
from samebit.normalisers.apply import Contents, Normalised, normalise, open_regular
from samebit.normalisers.patterns import PatternTable
from samebit.normalisers.protocol import Action, Detector, Facts, Normaliser, Sink
from samebit.normalisers.selection import NormaliserSelection, known_names, unknown_names
from samebit.normalisers.spool import Spool

EPOCH = 315619200


def upper(source: BinaryIO, _size: int, sink: Sink, facts: Facts) -> bool:
    data = source.read()
    if data.startswith(b"signed"):
        return facts.leave("is signed")
    sink(data.upper())
    return data.upper() != data


def content(file: BinaryIO | None) -> bytes:
    if file is None:
        return b""
    with file:
        return file.read()


def about_neighbours(source: BinaryIO, _size: int, sink: Sink, facts: Facts) -> bool:
    trees = facts.trees
    told = []
    for path in source.read().split():
        final = content(trees.open(path)) or (b"dir" if trees.entry(path) else b"-")
        base = content(trees.open_base(path)) or b"-"
        told.append(b"%s layer=%d final=%s base=%s" % (path, trees.in_layer(path), final, base))
    sink(b"\n".join(told))
    return True


def normaliser(action: Action, *paths: bytes, **more: object) -> Normaliser:
    values = {"name": f"test/{action.value}", "why": "w", "reference": "r", **more}
    return Normaliser(action=action, paths=paths, **values)  # type: ignore[arg-type]


REVERT = normaliser(Action.REVERT, b"log/**", b"log")
REMOVE = normaliser(Action.REMOVE, b"debris", b"debris/**")
UPPER = normaliser(Action.REWRITE, b"text/**", rewrite=upper)
NEIGHBOURS = normaliser(
    Action.REWRITE, b"**/*.about", rewrite=about_neighbours, name="test/neighbours"
)
MAGIC = normaliser(
    Action.REVERT,
    b"any/*",
    magic=((1, b"AGI"),),
    accepts=lambda entry, head: entry.size > 4 and head.endswith(b"!"),
    name="test/magic",
)
ONLY = normaliser(Action.REVERT, b"tmp/*", only=re.compile(rb"tmp/[0-9]+"), name="test/only")
PRIVATE = normaliser(
    Action.REMOVE,
    b"tmp/?",
    b"tmp/?/**",
    only=re.compile(rb"(tmp/[a-z])(?:/.*)?"),
    private=True,
    name="test/private",
)
SECRET = Detector(
    name="test/secret",
    inspect=lambda source, size, _: "is secret" if source.read() == b"KEY" and size == 3 else None,
    fix="f",
    reference="r",
    paths=(b"**/key",),
)


@dataclass(frozen=True)
class Base:
    entries: Mapping[bytes, Entry] = field(default_factory=dict)
    contents: Mapping[bytes, bytes] = field(default_factory=dict)


@dataclass
class World:
    """An image in the making: a base on disk and a layer's entries with their files."""

    root: Path
    base_files: dict[bytes, bytes] = field(default_factory=dict)
    entries: dict[bytes, Entry] = field(default_factory=dict)
    base_entries: dict[bytes, Entry] = field(default_factory=dict)

    def base(self, path: bytes, data: bytes | None = None, mode: int = 0o644) -> None:
        self._put("base", self.base_entries, path, data, mode)
        if data is not None:
            self.base_files[path] = data

    def add(self, path: bytes, data: bytes | None = None, mode: int = 0o644) -> None:
        self._put("final", self.entries, path, data, mode)

    def link(self, path: bytes, first: bytes) -> None:
        entry = self.entries[first]
        self.entries[path] = Entry(path, Kind.HARDLINK, entry.mode, link=first)

    def gone(self, path: bytes) -> None:
        self.entries[whiteout(path).path] = whiteout(path)

    def _put(
        self, tree: str, entries: dict[bytes, Entry], path: bytes, data: bytes | None, mode: int
    ) -> None:
        where = self.root / tree / path.decode()
        parent = path.rpartition(b"/")[0]
        while parent:
            entries.setdefault(
                parent,
                (tree == "final" and self.base_entries.get(parent))
                or Entry(parent, Kind.DIRECTORY, 0o755),
            )
            parent = parent.rpartition(b"/")[0]
        if data is None:
            where.mkdir(parents=True, exist_ok=True)
            entries[path] = Entry(path, Kind.DIRECTORY, mode if mode != 0o644 else 0o755)
        else:
            where.parent.mkdir(parents=True, exist_ok=True)
            where.write_bytes(data)
            entries[path] = Entry(path, Kind.FILE, mode, size=len(data))

    def run(self, spool: Spool, *normalisers: Normaliser) -> Normalised:
        chosen = normalisers or (REVERT, REMOVE, UPPER, NEIGHBOURS, MAGIC, ONLY)
        ordered = sorted(chosen, key=lambda one: (one.action is Action.REWRITE, one.rank, one.name))
        selection = NormaliserSelection(
            PatternTable((one.paths, one) for one in ordered),
            PatternTable([(SECRET.paths, SECRET)]),
            re.compile(rb"kept/.*"),
        )
        final, base = (str(self.root / name).encode() for name in ("final", "base"))
        return normalise(
            [self.entries[path] for path in sorted(self.entries)],
            Base(
                dict(sorted(self.base_entries.items())),
                {path: hashlib.sha256(data).digest() for path, data in self.base_files.items()},
            ),
            Contents(
                lambda entry: open_regular(final, entry.path),
                lambda path: open_regular(base, path),
            ),
            selection,
            epoch=EPOCH,
            spool=spool,
            scratch=self.root,
        )


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    with Spool(tmp_path) as spool:
        yield spool


def paths(done: Normalised) -> list[bytes]:
    return [entry.path for entry in done.entries]


def read(done: Normalised, path: bytes) -> bytes:
    entry = next(entry for entry in done.entries if entry.path == path)
    with done.open_content(entry) as file:
        data = file.read()
    assert data is not None
    assert len(data) == entry.size
    return data


def test_what_is_reverted_leaves_no_trace(world: World, spool: Spool) -> None:
    world.base(b"log/old", b"base")
    world.add(b"log/old", b"base and more")
    world.add(b"log/new", b"new")
    world.add(b"a/keep", b"x")
    done = world.run(spool)
    assert paths(done) == [b"a", b"a/keep"]
    assert [(f.path, f.action, f.before, f.after) for f in done.account.files] == [
        (b"log/new", "revert", 3, None),
        (b"log/old", "revert", 13, None),
    ]
    assert done.account.counts() == {"test/revert": 2}


def test_a_private_path_goes_with_all_that_is_below_it(world: World, spool: Spool) -> None:
    world.add(b"tmp/a", b"x", mode=0o600)
    world.add(b"tmp/b", b"x", mode=0o640)
    world.add(b"tmp/c", mode=0o700)
    world.add(b"tmp/c/deep/file", b"x")
    world.add(b"tmp/d/file", b"x", mode=0o600)
    assert paths(world.run(spool, PRIVATE)) == [b"tmp", b"tmp/b", b"tmp/d", b"tmp/d/file"]


def test_nothing_left_is_no_layer(world: World, spool: Spool) -> None:
    world.base(b"log/old", b"base")
    world.add(b"log/old", b"base and more")
    assert world.run(spool).entries == ()


def test_directories_go_when_they_are_empty_and_the_builds_own(world: World, spool: Spool) -> None:
    world.add(b"debris/deep/file", b"x")
    world.add(b"srv/x/log", b"stays: another path")
    assert paths(world.run(spool)) == [b"srv", b"srv/x", b"srv/x/log"]
    kept = World(world.root / "2")
    kept.add(b"debris/deep/file", b"x")
    kept.add(b"kept/f", b"x")
    only_file = normaliser(Action.REMOVE, b"debris/deep/file")
    assert paths(kept.run(spool, only_file)) == [b"debris", b"debris/deep", b"kept", b"kept/f"]


def test_a_directory_of_the_base_gets_its_attributes_back(world: World, spool: Spool) -> None:
    world.base(b"log", mode=0o750)
    world.add(b"log", mode=0o700)
    assert world.run(spool).entries == ()
    world.add(b"log.d", b"x")
    world.add(b"log/a", b"x")
    (entry, _) = world.run(spool, normaliser(Action.REVERT, b"log", b"log.d")).entries
    assert (entry.path, entry.mode) == (b"log", 0o750)


def test_whiteouts_are_what_the_dockerfile_says(world: World, spool: Spool) -> None:
    world.base(b"log/old", b"base")
    world.entries[b"log"] = world.base_entries[b"log"]
    world.gone(b"log/old")
    assert paths(world.run(spool)) == [b"log", b"log/.wh.old"]


def test_rewritten_content_has_its_new_size(world: World, spool: Spool) -> None:
    long = normaliser(
        Action.REWRITE,
        b"text/**",
        rewrite=lambda _s, size, sink, _f: [sink(b"y" * 300_000) for _ in range(size)] != [],
        name="test/long",
    )
    world.add(b"text/a", b"abc", mode=0o4711)
    world.add(b"text/b", b"de")
    done = world.run(spool, long)
    assert read(done, b"text/a") == b"y" * 900_000
    assert read(done, b"text/b") == b"y" * 600_000
    assert done.entries[1].mode == 0o4711
    assert [(f.path, f.before, f.after) for f in done.account.files] == [
        (b"text/a", 3, 900_000),
        (b"text/b", 2, 600_000),
    ]


def test_what_is_right_already_is_not_touched(world: World, spool: Spool) -> None:
    world.add(b"text/a", b"ABC")
    done = world.run(spool)
    assert read(done, b"text/a") == b"ABC"
    assert done.account.files == ()


def test_a_half_written_refusal_is_thrown_away(world: World, spool: Spool) -> None:
    def half(_source: BinaryIO, _size: int, sink: Sink, facts: Facts) -> bool:
        sink(b"half")
        return facts.entry.path == b"text/b"

    world.add(b"text/a", b"1234567")
    world.add(b"text/b", b"x")
    done = world.run(spool, normaliser(Action.REWRITE, b"text/**", rewrite=half))
    assert read(done, b"text/a") == b"1234567"
    assert read(done, b"text/b") == b"half"


def test_noise_alone_in_a_file_of_the_base_is_no_change(world: World, spool: Spool) -> None:
    world.base(b"text/a", b"ABC")
    world.add(b"text/a", b"abc")
    world.base(b"text/b", b"ABC", mode=0o600)
    world.add(b"text/b", b"abc")
    done = world.run(spool)
    assert paths(done) == [b"text", b"text/b"]
    assert [(f.path, f.after) for f in done.account.files] == [(b"text/a", None), (b"text/b", 3)]


def test_remarks_are_kept_with_their_file(world: World, spool: Spool) -> None:
    world.add(b"text/a", b"signed text")
    done = world.run(spool)
    assert read(done, b"text/a") == b"signed text"
    assert [(left.path, left.why) for left in done.account.left] == [(b"text/a", "is signed")]


def test_hard_links_go_together_or_stay(world: World, spool: Spool) -> None:
    world.add(b"log/a", b"x")
    world.link(b"log/b", b"log/a")
    assert paths(world.run(spool)) == []
    world.link(b"other", b"log/a")
    done = world.run(spool)
    assert paths(done) == [b"log", b"log/a", b"log/b", b"other"]
    assert done.account.files == ()


def test_a_group_is_rewritten_once_by_whichever_name_fits(world: World, spool: Spool) -> None:
    world.add(b"first", b"abc")
    world.link(b"text/second", b"first")
    world.entries[b"text"] = Entry(b"text", Kind.DIRECTORY, 0o755)
    done = world.run(spool)
    assert read(done, b"first") == b"ABC"
    assert len(done.account.files) == 1


def test_magic_and_accepts_look_at_files_only(world: World, spool: Spool) -> None:
    world.add(b"any/yes", b"MAGIC!")
    world.add(b"any/no", b"MAGIC?")
    world.add(b"any/short", b"MAG!")
    world.add(b"any/folder/x", b"MAGIC!")
    assert paths(world.run(spool)) == [
        *(b"any", b"any/folder", b"any/folder/x", b"any/no", b"any/short"),
    ]


def test_only_narrows_a_pattern_for_every_kind(world: World, spool: Spool) -> None:
    world.add(b"tmp/12")
    world.add(b"tmp/1x", b"x")
    assert paths(world.run(spool)) == [b"tmp", b"tmp/1x"]


def test_heads_are_read_only_where_a_name_fits(
    world: World, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []

    def spy(root: bytes, path: bytes) -> io.FileIO:
        opened.append(path)
        return original(root, path)

    original = module.open_regular
    monkeypatch.setitem(globals(), "open_regular", spy)
    world.add(b"any/yes", b"MAGIC!")
    world.add(b"log/x", b"x")
    world.add(b"else/where", b"MAGIC!")
    world.run(spool)
    assert opened == [b"any/yes"]


def test_kept_paths_ship_as_they_are(world: World, spool: Spool) -> None:
    world.add(b"kept/key", b"KEY")
    done = world.run(spool, normaliser(Action.REVERT, b"**/key"))
    assert paths(done) == [b"kept", b"kept/key"]
    # Choosing not to normalise is no reason not to be told.
    assert [(s.path, s.detector) for s in done.account.secrets] == [(b"kept/key", "test/secret")]


def test_secrets_are_looked_for_in_what_ships(world: World, spool: Spool) -> None:
    world.add(b"log/key", b"KEY")
    world.add(b"text/key", b"key")
    world.add(b"x", b"KEY")
    world.link(b"z/key", b"x")
    world.entries[b"z"] = Entry(b"z", Kind.DIRECTORY, 0o755)
    done = world.run(spool)
    assert [s.path for s in done.account.secrets] == [b"text/key", b"z/key"]


def test_a_rewriter_sees_the_image_as_it_will_be(world: World, spool: Spool) -> None:
    world.base(b"log/old", b"base")
    world.base(b"base-only", b"B")
    world.base(b"gone", b"G")
    world.base(b"dir/inner", b"I")
    world.base(b"was/x", b"W")
    world.add(b"log/old", b"changed")
    world.add(b"new", b"N")
    world.add(b"was", b"now a file")
    world.gone(b"gone")
    names = [b"log/old", b"base-only", b"gone", b"dir", b"new", b"was/x", b"nothing"]
    world.add(b"x.about", b" ".join(names))
    assert read(world.run(spool), b"x.about").splitlines() == [
        b"log/old layer=0 final=base base=base",
        b"base-only layer=0 final=B base=B",
        b"gone layer=0 final=- base=G",
        b"dir layer=0 final=dir base=-",
        b"new layer=1 final=N base=-",
        b"was/x layer=0 final=- base=W",
        b"nothing layer=0 final=- base=-",
    ]


def test_removing_goes_before_rewriting_and_ranks_decide(world: World, spool: Spool) -> None:
    world.add(b"text/a", b"abc")
    late = normaliser(Action.REWRITE, b"text/*", rewrite=upper, name="test/a-late", rank=60)
    early = normaliser(
        Action.REWRITE, b"text/*", rewrite=lambda *_: False, name="test/z-early", rank=40
    )
    # What the first leaves alone is not offered to the next.
    assert read(world.run(spool, late, early), b"text/a") == b"abc"
    assert paths(world.run(spool, late, normaliser(Action.REMOVE, b"text/a", rank=99))) == [b"text"]


def test_links_are_never_followed(world: World, spool: Spool) -> None:
    world.add(b"text/a", b"abc")
    (world.root / "final/text/a").unlink()
    (world.root / "final/text/a").symlink_to("/etc/passwd")
    with pytest.raises(OSError, match="symbolic"):
        world.run(spool)


def test_choices_switch_off_and_add() -> None:
    choices = NormaliserChoices(
        off=("debian/*",), keep=("var/log/*",), rules=(PathRule("srv/*.noise", "remove", "noise"),)
    )
    chosen = NormaliserSelection.of(1, choices)

    def by_path(path: bytes) -> list[Normaliser]:
        return [one for one in chosen.find(path) if one.paths]

    assert by_path(b"var/cache/debconf/config.dat-old") == []
    assert [one.name for one in by_path(b"etc/passwd-")] == ["system/account-backups"]
    assert chosen.find(b"var/log/lastlog") == []
    (own,) = by_path(b"srv/a.noise")
    assert (own.name, own.action, own.why) == ("custom/rule-1", Action.REMOVE, "noise")


def test_set_0_changes_nothing() -> None:
    rules = NormaliserChoices(rules=(PathRule("a", "remove", "r"),))
    assert NormaliserSelection.of(0, rules).find(b"a") == []
    assert NormaliserSelection.of(0, NO_CHOICES).find(b"var/log/dpkg.log") == []
    assert NormaliserSelection.of(1, NO_CHOICES).find(b"var/log/dpkg.log") != []


def test_names_that_do_not_exist_are_told() -> None:
    choices = NormaliserChoices(off=("debian/dpkg-log", "debian/*", "debian/dkpg-log", "none/*"))
    assert unknown_names(choices) == ("debian/dkpg-log", "none/*")
    assert "debian/dpkg-log" in known_names()


def test_what_is_made_here_is_rewritten_below_paths_that_a_package_manager_has(
    world: World, spool: Spool
) -> None:
    world.add(b"var/lib/rpm/rpmdb.sqlite", b"x")
    world.add(b"etc/file", b"abc")
    world.add(b"usr/lib/file", b"abc")
    made = normaliser(Action.REWRITE, b"etc/*", rewrite=upper, made_here=True, name="test/made")
    other = normaliser(Action.REWRITE, b"usr/lib/*", rewrite=upper, name="test/other")
    done = world.run(spool, made, other)
    assert read(done, b"etc/file") == b"ABC"
    assert read(done, b"usr/lib/file") == b"abc"
