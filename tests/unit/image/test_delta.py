"""The layer's entries: what changed, its ancestors, whole link groups, whiteouts."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Mapping
from pathlib import Path

import pytest

from samebit.errors import MachineError
from samebit.image.delta import make_delta
from samebit.image.entry import Entry, Kind
from samebit.image.tree import compare
from samebit.image.whiteout import Whiteout
from samebit.model.rendering import Rendering


class Tree:
    """A base's index made from entries that are written down."""

    def __init__(
        self, entries: Mapping[bytes, Entry], groups: tuple[tuple[bytes, ...], ...] = ()
    ) -> None:
        self.entries = entries
        self._groups = groups

    def groups(self) -> tuple[tuple[bytes, ...], ...]:
        return self._groups


def index_of(root: Path, **overrides: Entry) -> Tree:
    entries: dict[bytes, Entry] = {}
    inodes: dict[int, list[bytes]] = {}
    for folder, directories, files in os.walk(os.fsencode(root)):
        for name in (*directories, *files):
            full = os.path.join(folder, name)
            path = os.path.relpath(full, os.fsencode(root))
            status = os.lstat(full)
            kind = Kind.DIRECTORY if os.path.isdir(full) else Kind.FILE
            if os.path.islink(full):
                kind = Kind.SYMLINK
            if kind is Kind.FILE and status.st_nlink > 1:
                inodes.setdefault(status.st_ino, []).append(path)
            entries[path] = Entry(path, kind, status.st_mode & 0o7777, status.st_uid, status.st_gid)
    entries.update({os.fsencode(k): v for k, v in overrides.items()})
    return Tree(entries, tuple(tuple(sorted(paths)) for paths in inodes.values()))


@pytest.fixture
def trees(tmp_path: Path) -> tuple[Path, Path]:
    base, final = tmp_path / "base", tmp_path / "final"
    for root in (base, final):
        (root / "etc").mkdir(parents=True)
        (root / "etc" / "conf").write_text("same")
        (root / "usr" / "bin").mkdir(parents=True)
        (root / "usr" / "bin" / "tool").write_text("tool")
    return base, final


def delta(
    trees: tuple[Path, Path],
    tree: Tree | None = None,
    *,
    breaks_links: bool = True,
    stages: int = 1,
) -> dict[bytes, Entry]:
    base, final = trees
    difference = compare(
        Rendering(os.fsencode(base), overlay=False), Rendering(os.fsencode(final), overlay=False)
    )
    found = make_delta(difference, tree or index_of(base), breaks_links=breaks_links, stages=stages)
    paths = [entry.path for entry in found.entries]
    assert paths == sorted(paths)
    return {entry.path: entry for entry in found.entries}


def test_nothing_changed_gives_nothing(trees: tuple[Path, Path]) -> None:
    os.utime(trees[1] / "etc" / "conf", (1, 1))
    (trees[1] / "etc" / "conf").write_text("same")
    assert delta(trees) == {}


def test_changed_content_of_equal_size_and_time_is_seen(trees: tuple[Path, Path]) -> None:
    for root, text in zip(trees, ("aaaa", "bbbb"), strict=True):
        (root / "etc" / "conf").write_text(text)
        os.utime(root / "etc" / "conf", ns=(5, 5))
    assert set(delta(trees)) == {b"etc", b"etc/conf"}


def test_ancestors_come_with_the_bases_true_metadata(trees: tuple[Path, Path]) -> None:
    (trees[1] / "usr" / "bin" / "new").write_text("new")
    tree = index_of(trees[0], usr=Entry(b"usr", Kind.DIRECTORY, 0o751, 7, 8))
    found = delta(trees, tree)
    assert set(found) == {b"usr", b"usr/bin", b"usr/bin/new"}
    assert found[b"usr"] == Entry(b"usr", Kind.DIRECTORY, 0o751, 7, 8)


def test_unchanged_attributes_of_a_changed_entry_come_from_the_blobs(
    trees: tuple[Path, Path],
) -> None:
    (trees[1] / "etc" / "conf").chmod(0o600)
    known = Entry(b"etc/conf", Kind.FILE, 0o644, 33, 44, 4, xattrs=((b"user.a", b"b"),))
    found = delta(trees, index_of(trees[0], **{"etc/conf": known}))[b"etc/conf"]
    assert (found.mode, found.uid, found.gid) == (0o600, 33, 44)
    assert found.xattrs == ((b"user.a", b"b"),)


def test_removed_paths_become_explicit_whiteouts(trees: tuple[Path, Path]) -> None:
    (trees[1] / "usr" / "bin" / "tool").unlink()
    found = delta(trees)
    assert isinstance(found[b"usr/bin/.wh.tool"], Whiteout)
    assert set(found) == {b"usr", b"usr/bin", b"usr/bin/.wh.tool"}


def test_a_path_that_only_the_rendering_had_needs_no_whiteout(trees: tuple[Path, Path]) -> None:
    (trees[0] / "engine-made").write_text("")
    known = {
        path: entry for path, entry in index_of(trees[0]).entries.items() if b"made" not in path
    }
    assert delta(trees, Tree(known)) == {}


def test_a_directory_replaced_by_a_file_hides_its_children_without_whiteouts(
    trees: tuple[Path, Path],
) -> None:
    (trees[1] / "etc" / "conf").unlink()
    (trees[1] / "etc").rmdir()
    (trees[1] / "etc").write_text("now a file")
    assert {p: e.kind for p, e in delta(trees).items()} == {b"etc": Kind.FILE}


def test_a_file_replaced_by_a_directory_brings_its_children(trees: tuple[Path, Path]) -> None:
    (trees[1] / "etc" / "conf").unlink()
    (trees[1] / "etc" / "conf").mkdir()
    (trees[1] / "etc" / "conf" / "inner").write_text("x")
    assert set(delta(trees)) == {b"etc", b"etc/conf", b"etc/conf/inner"}


def test_link_groups_are_written_whole_with_the_first_path_as_content(
    trees: tuple[Path, Path],
) -> None:
    os.link(trees[1] / "usr" / "bin" / "tool", trees[1] / "usr" / "bin" / "alias")
    found = delta(trees)
    assert found[b"usr/bin/alias"].kind is Kind.FILE
    assert found[b"usr/bin/alias"].size == 4
    assert found[b"usr/bin/tool"].kind is Kind.HARDLINK
    assert found[b"usr/bin/tool"].link == b"usr/bin/alias"


def test_a_link_group_takes_its_attributes_from_the_bases_member(trees: tuple[Path, Path]) -> None:
    os.link(trees[1] / "usr" / "bin" / "tool", trees[1] / "usr" / "bin" / "zz")
    known = Entry(b"usr/bin/tool", Kind.FILE, 0o644, 12, 13, 4)
    found = delta(trees, index_of(trees[0], **{"usr/bin/tool": known}))
    assert (found[b"usr/bin/tool"].uid, found[b"usr/bin/zz"].uid) == (12, 12)


def test_links_of_nodes_and_symlinks_are_links_as_well(trees: tuple[Path, Path]) -> None:
    final = trees[1]
    os.symlink("target", final / "b")
    os.mkfifo(final / "d")
    if os.geteuid() == 0:
        os.mknod(final / "f", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    for name in ("b", "d", "f"):
        if os.path.lexists(final / name):
            os.link(final / name, final / f"{name}-too", follow_symlinks=False)
    found = delta(trees)
    for name, kind in ((b"b", Kind.SYMLINK), (b"d", Kind.FIFO), (b"f", Kind.CHARACTER)):
        if name in found:
            assert found[name].kind is kind
            linked = found[name + b"-too"]
            assert (linked.kind, linked.link, linked.device) == (Kind.HARDLINK, name, (0, 0))


def test_links_that_come_apart_without_a_change_stay(trees: tuple[Path, Path]) -> None:
    base, final = trees
    (base / "a").write_text("x")
    os.link(base / "a", base / "b")
    (final / "a").write_text("x")
    (final / "b").write_text("x")
    assert not delta(trees)


def test_storage_that_cannot_break_links_refuses_a_change_through_one(
    trees: tuple[Path, Path],
) -> None:
    for root in trees:
        os.link(root / "etc" / "conf", root / "etc" / "other")
    with (trees[1] / "etc" / "conf").open("a") as stream:
        stream.write("more")
    with pytest.raises(MachineError, match="/etc/conf"):
        delta(trees, breaks_links=False)


def test_storage_that_cannot_break_links_allows_untouched_groups(trees: tuple[Path, Path]) -> None:
    for root in trees:
        os.link(root / "etc" / "conf", root / "etc" / "other")
    (trees[1] / "new").write_text("x")
    assert set(delta(trees, breaks_links=False)) == {b"new"}


def test_links_of_an_earlier_stage_are_refused_alike(trees: tuple[Path, Path]) -> None:
    (trees[1] / "made").write_text("x")
    os.link(trees[1] / "made", trees[1] / "made-too")
    assert set(delta(trees, breaks_links=False)) == {b"made", b"made-too"}
    with pytest.raises(MachineError, match="/made "):
        delta(trees, breaks_links=False, stages=2)


@pytest.mark.parametrize("name", ["dev", "proc", "sys", "run"])
def test_empty_directories_are_kept_whatever_their_name(
    trees: tuple[Path, Path], name: str
) -> None:
    (trees[1] / name).mkdir()
    assert set(delta(trees)) == {name.encode()}


def test_mount_points_of_the_base_stay_as_they_are(trees: tuple[Path, Path]) -> None:
    for root in trees:
        (root / "proc").mkdir()
    (trees[1] / "proc").chmod(0o555)
    assert set(delta(trees)) == {b"proc"}


def test_sockets_are_dropped_and_hide_what_they_replaced(
    trees: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trees[1])
    for name in ("fresh", "etc/conf"):
        Path(name).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(name)
    assert set(delta(trees)) == {b"etc", b"etc/.wh.conf"}


def test_dashes_sort_between_a_directory_and_its_children(trees: tuple[Path, Path]) -> None:
    (trees[1] / "a").mkdir()
    (trees[1] / "a" / "x").write_text("")
    (trees[1] / "a-b").write_text("")
    assert list(delta(trees)) == [b"a", b"a-b", b"a/x"]


def test_names_need_not_be_text(trees: tuple[Path, Path]) -> None:
    with open(os.fsencode(trees[1]) + b"/\xff\xfe", "wb"):
        pass
    assert set(delta(trees)) == {b"\xff\xfe"}


def test_the_root_is_written_only_when_it_changed(trees: tuple[Path, Path]) -> None:
    trees[1].chmod(0o700)
    assert set(delta(trees)) == {b""}
