from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from normalising import facts_of, matches, named, rewritten

INDEX = named("git/index")
AT = b"app/.git/index"


def git(folder: Path, *words: str) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{
            f"GIT_{who}_{what}": "x@example.org"
            for who in ("AUTHOR", "COMMITTER")
            for what in ("NAME", "EMAIL")
        },
        **{f"GIT_{who}_DATE": "2026-01-01T00:00:00Z" for who in ("AUTHOR", "COMMITTER")},
    }
    return subprocess.run(
        ["git", *words], cwd=folder, env=environment, check=True, capture_output=True, text=True
    ).stdout


def repository(folder: Path, version: int = 2) -> Path:
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for name in ("a", "name-of-eight-more", "sub/deep", "new"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    git(folder, "add", "a", "name-of-eight-more", "sub")
    git(folder, "commit", "-q", "-m", "x")
    git(folder, "add", "--intent-to-add", "new")
    git(folder, "update-index", f"--index-version={version}")
    return folder / ".git/index"


@pytest.mark.parametrize("version", [2, 3, 4])
def test_two_checkouts_are_equal_and_git_sees_no_change(tmp_path: Path, version: int) -> None:
    first = repository(tmp_path / "1", version)
    second = repository(tmp_path / "2", version)
    assert first.read_bytes() != second.read_bytes()
    assert matches(INDEX, AT, first.read_bytes())
    result = rewritten(INDEX, first.read_bytes(), AT)
    assert result == rewritten(INDEX, second.read_bytes(), AT)
    before = git(tmp_path / "1", "ls-files", "--stage")
    first.write_bytes(result)
    assert git(tmp_path / "1", "status", "--porcelain") == " A new\n"
    assert git(tmp_path / "1", "ls-files", "--stage") == before
    (tmp_path / "1/a").write_text("b")
    first.write_bytes(result)
    assert git(tmp_path / "1", "status", "--porcelain") == " M a\n A new\n"


def test_what_must_not_change(tmp_path: Path) -> None:
    data = repository(tmp_path / "1").read_bytes()
    for damaged in (data[:-1], data[:60], data.replace(b"deep", b"keep"), b"DIRC" + b"\xff" * 60):
        assert rewritten(INDEX, damaged, AT) == damaged
    git(tmp_path / "1", "update-index", "--force-untracked-cache")
    cached = (tmp_path / "1/.git/index").read_bytes()
    facts = facts_of(AT, cached)
    assert rewritten(INDEX, cached, AT, facts) == cached
    assert facts.remarks
