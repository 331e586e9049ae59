"""Directories that overlay renames in place (redirect_dir) are read as what they are."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from samebit.image.tree import TreeDifference, compare
from samebit.model.rendering import Rendering

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root"),
]


def fill(root: Path) -> None:
    for name in ("moved", "swapped-1", "swapped-2", "above/deep", "kept"):
        (root / name / "sub").mkdir(parents=True)
        (root / name / "f").write_text("the same in all")
        (root / name / "sub" / "g").write_text(f"of {name}")


def change(root: Path) -> None:
    (root / "moved").rename(root / "kept" / "moved-here")
    (root / "swapped-1").rename(root / "between")
    (root / "swapped-2").rename(root / "swapped-1")
    (root / "between").rename(root / "swapped-2")
    (root / "above").rename(root / "renamed")
    (root / "renamed" / "deep" / "sub" / "new").write_text("below a renamed one")
    (root / "kept" / "moved-here" / "f").unlink()


@contextmanager
def mounted(lower: Path, folder: Path) -> Iterator[Path]:
    for name in ("upper", "work", "merged"):
        (folder / name).mkdir(parents=True)
    options = f"lowerdir={lower},upperdir={folder}/upper,workdir={folder}/work,redirect_dir=on"
    root = folder / "merged"
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o", options, root], check=True)
    try:
        yield root
    finally:
        subprocess.run(["umount", root], check=True)


def difference(base: Path, final: Path, *, overlay: bool) -> TreeDifference:
    return compare(
        Rendering(os.fsencode(base), overlay=overlay),
        Rendering(os.fsencode(final), overlay=overlay),
    )


def test_renamed_directories(tmp_path: Path) -> None:
    for name in ("lower", "plain-base", "plain-final"):
        (tmp_path / name).mkdir()
        fill(tmp_path / name)
    change(tmp_path / "plain-final")
    expected = difference(tmp_path / "plain-base", tmp_path / "plain-final", overlay=False)
    with (
        mounted(tmp_path / "lower", tmp_path / "base") as base,
        mounted(tmp_path / "lower", tmp_path / "final") as final,
    ):
        change(final)
        redirects = os.listxattr(tmp_path / "final" / "upper" / "renamed")
        assert "trusted.overlay.redirect" in redirects
        found = difference(base, final, overlay=True)
    assert {path: change.final for path, change in found.changes.items()} == {
        path: change.final for path, change in expected.changes.items()
    }
    assert found.removed == expected.removed
