from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from samebit.errors import LockError, UsageError
from samebit.lock.epoch import DEFAULT_EPOCH, choose_epoch, locked_epoch, parse_epoch
from samebit.lock.model import Lock, make_recipe


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }


@pytest.fixture
def repository(tmp_path: Path, environment: dict[str, str]) -> Path:
    """A repository with a commit of `context/a` at 1000000000 and one of `b` at 1200000000."""
    root = tmp_path / "checkout"
    (root / "context").mkdir(parents=True)
    git(root, environment, "init", "-q")
    for name, seconds in (("context/a", 1000000000), ("b", 1200000000)):
        (root / name).write_text(name)
        git(root, environment, "add", name)
        git(root, environment, "commit", "-q", "-m", name, seconds=seconds)
    return root


def git(root: Path, environment: dict[str, str], *arguments: str, seconds: int = 0) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org"]
    dates = {"GIT_COMMITTER_DATE": f"@{seconds} +0000", "GIT_AUTHOR_DATE": "@5 +0000"}
    subprocess.run(["git", *identity, *arguments], cwd=root, env=environment | dates, check=True)


def test_the_variable_comes_first(repository: Path, environment: dict[str, str]) -> None:
    environment["SOURCE_DATE_EPOCH"] = "42"
    chosen = choose_epoch(repository, environment)
    assert (chosen.seconds, chosen.source) == (42, "SOURCE_DATE_EPOCH")


def test_the_last_commit_that_touches_the_context(
    repository: Path, environment: dict[str, str]
) -> None:
    assert choose_epoch(repository / "context", environment).seconds == 1000000000
    assert choose_epoch(repository, environment).seconds == 1200000000


def test_git_variables_of_a_hook_do_not_mislead(
    repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    environment |= {"GIT_DIR": str(tmp_path / "elsewhere"), "GIT_WORK_TREE": str(tmp_path)}
    assert choose_epoch(repository / "context", environment).seconds == 1000000000


def test_signatures_and_colours_do_not_get_into_the_answer(
    repository: Path, environment: dict[str, str]
) -> None:
    for name, value in (("log.showSignature", "true"), ("color.ui", "always")):
        git(repository, environment, "config", name, value)
    assert choose_epoch(repository, environment).seconds == 1200000000


def test_without_a_commit_there_is_the_default(
    repository: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (repository / "new").mkdir()
    for folder in (tmp_path, repository / "new", tmp_path / "absent"):
        assert choose_epoch(folder, environment).seconds == DEFAULT_EPOCH
    environment["PATH"] = "/nonexistent"
    assert choose_epoch(repository, environment).seconds == DEFAULT_EPOCH


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a repository away")
def test_another_users_repository_is_a_finding(
    repository: Path, environment: dict[str, str]
) -> None:
    for path in [repository, *repository.rglob("*")]:
        os.chown(path, 12345, 12345, follow_symlinks=False)
    chosen = choose_epoch(repository, environment)
    assert chosen.seconds == DEFAULT_EPOCH
    assert chosen.finding is not None
    assert "another user" in chosen.finding.what
    assert "safe.directory" in (chosen.finding.fix or "")


@pytest.mark.parametrize("text", ["0", "315619200", "8589934591"])
def test_valid_epochs(text: str) -> None:
    assert parse_epoch(text) == int(text)


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", " 1", "1\n", "1_000", "٣", "8589934592", "9" * 5000, "0x1"]
)
def test_invalid_epochs(text: str) -> None:
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH"):
        parse_epoch(text)


def test_a_lock_decides() -> None:
    recipe = make_recipe([], bases=[], target=None, platforms=[], build_args={})
    lock = Lock(7, recipe)
    assert locked_epoch(lock, {}) == 7
    assert locked_epoch(lock, {"SOURCE_DATE_EPOCH": "7"}) == 7
    with pytest.raises(LockError, match="SOURCE_DATE_EPOCH is 8, but the lock says 7") as caught:
        locked_epoch(lock, {"SOURCE_DATE_EPOCH": "8"})
    assert caught.value.exit_code == 4
