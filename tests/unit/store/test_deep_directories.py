"""Temporary directories in which a step's deepest trees were put."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from samebit.engines.buildah_storage import Storage
from samebit.store.removal import remove_tree
from samebit.store.temporary import clean_abandoned, locked_directory


def fill(path: Path) -> None:
    """Make a thousand and more directories inside of one another, as a RUN step can."""
    os.makedirs(path / "d")
    descriptor = os.open(path / "d", os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=descriptor)
        inner = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = inner
    os.close(descriptor)


def test_deep_trees_are_removed(tmp_path: Path) -> None:
    with locked_directory(tmp_path, "dir-") as path:
        fill(path)
    fill(tmp_path / "dir-abandoned")
    clean_abandoned(tmp_path, "dir-")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def few_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(600, hard), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("few_descriptors")
def test_deep_trees_are_removed_with_few_descriptors(tmp_path: Path) -> None:
    fill(tmp_path / "deep")
    remove_tree(tmp_path / "deep")
    assert not list(tmp_path.iterdir())


def test_only_what_is_there_is_removed(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(tmp_path)
    remove_tree(tmp_path / "tree")
    remove_tree(tmp_path / "absent")
    assert os.listdir(tmp_path) == ["kept"]


def test_what_a_killed_engine_left_is_removed(tmp_path: Path) -> None:
    fill(tmp_path / "tmp" / "buildah-1")
    Storage("buildah", tmp_path, "overlay")._clear_temporary()
    assert not list((tmp_path / "tmp").iterdir())
