"""Temporary directories in which a step's deepest trees were put."""

from __future__ import annotations

import os
from pathlib import Path

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
