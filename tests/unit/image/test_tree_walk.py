"""Comparing two trees: from where they are read, and what is told when they cannot be."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from samebit.errors import InputError
from samebit.image import tree
from samebit.image.own_directory import run_with_own_directory
from samebit.image.tree import TreeDifference, compare
from samebit.model.rendering import Rendering


def rendering(path: Path) -> Rendering:
    return Rendering(os.fsencode(path), overlay=False)


def make(root: Path, *, changed: bool) -> Path:
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "kept").write_text("kept")
    (root / "a" / "b" / "content").write_text("new" if changed else "old")
    (root / "a" / "link").symlink_to("new" if changed else "old")
    (root / "a" / ("new" if changed else "old")).write_text("x")
    os.setxattr(root / "a" / "b" / "kept", "user.name", b"new" if changed else b"old")
    return root


def in_place(action: object) -> None:
    """Stand for a machine that gives threads no directory of their own."""
    assert callable(action)
    action(False, threading.Event())  # noqa: FBT003 - a callback's own order


@pytest.mark.parametrize("own", [True, False])
def test_both_ways_of_reading_see_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    before, after = make(tmp_path / "1", changed=False), make(tmp_path / "2", changed=True)
    monkeypatch.chdir(tmp_path)
    if not own:
        monkeypatch.setattr(tree, "run_with_own_directory", in_place)
    found: TreeDifference = compare(rendering(before), rendering(after))
    assert sorted(found.changes) == [b"a/b/content", b"a/b/kept", b"a/link", b"a/new"]
    assert found.changes[b"a/link"].final.link == b"new"
    assert found.changes[b"a/b/kept"].final.xattrs == ((b"user.name", b"new"),)
    assert found.removed == (b"a/old",)
    assert Path.cwd() == tmp_path


@pytest.mark.parametrize("own", [True, False])
def test_a_path_that_is_too_long_is_named_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    if not own:
        monkeypatch.setattr(tree, "run_with_own_directory", in_place)
    root = tmp_path / "root"
    root.mkdir()
    descriptor = os.open(root, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("n" * 200, dir_fd=descriptor)
        inner = os.open("n" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(os.open("f" * 200, os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
    with pytest.raises(InputError, match=f"bytes is too long to be read: '/{'n' * 59}'"):
        compare(None, rendering(root))


def test_what_cannot_be_read_is_named_from_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make(tmp_path / "root", changed=True)

    def fails(path: bytes) -> bytes:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "readlink", fails)
    with pytest.raises(InputError, match="tree at '/a/link': Permission denied"):
        compare(None, rendering(root))


def test_an_interrupt_waits_for_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    real = threading.Thread.join

    def interrupted(thread: threading.Thread, timeout: float | None = None) -> None:
        monkeypatch.setattr(threading.Thread, "join", real)
        del thread, timeout
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "join", interrupted)

    def action(_: bool, stop: threading.Event) -> None:
        assert stop.wait(60)
        ended.set()

    with pytest.raises(KeyboardInterrupt):
        run_with_own_directory(action)
    assert ended.is_set()
