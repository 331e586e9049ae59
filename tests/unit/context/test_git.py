import hashlib
import os
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from samebit.context.fetch_git import checkout
from samebit.context.git_facts import commit_time, untracked_findings
from samebit.context.ignore import NO_RULES
from samebit.context.sources import place_material
from samebit.context.stage import stage
from samebit.dockerfile.lowering_model import FetchGit
from samebit.errors import InputError, Place

PLACE = Place("Dockerfile", 4)
IDENTITY = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"], "HOME": "/nonexistent",
}  # fmt: skip

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="needs git")


def run(directory: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=directory, env=IDENTITY, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    path = tmp_path / "srv" / "r.git"
    (path / "docs").mkdir(parents=True)
    (path / "run.sh").write_text("#!/bin/sh\n")
    (path / "run.sh").chmod(0o755)
    (path / "docs" / "a.md").write_text("one\n")
    (path / "link").symlink_to("docs/a.md")
    run(path, "init", "--quiet", "--initial-branch=main")
    run(path, "add", ".")
    run(path, "commit", "--quiet", "-m", "one")
    run(path, "tag", "-a", "v1", "-m", "v1")
    (path / "docs" / "a.md").write_text("two\n")
    run(path, "commit", "--quiet", "-am", "two")
    run(path, "branch", "feature/x")
    return path


@pytest.fixture
def daemon(repository: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        ["git", "daemon", "--listen=127.0.0.1", f"--port={port}", "--export-all",
         f"--base-path={repository.parent}", "--reuseaddr"],
        env=IDENTITY, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), 0.1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"git://127.0.0.1:{port}/r.git"
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def wanted(remote: str, **options: object) -> FetchGit:
    plain = FetchGit(
        "0", remote, None, "", None, keep_git_dir=False, submodules=True, exclude=(), chmod=None,
        step="0/1", place=PLACE,
    )  # fmt: skip
    return replace(plain, **options)  # type: ignore[arg-type]


def snapshot(root: Path) -> dict[str, tuple[int, float, str]]:
    return {
        str(p.relative_to(root)): (
            p.lstat().st_mode,
            p.lstat().st_mtime,
            os.readlink(p) if p.is_symlink()
            else hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() else "",
        )
        for p in root.rglob("*")
    }  # fmt: skip


def test_default_branch(daemon: str, repository: Path, tmp_path: Path) -> None:
    os.umask(0o077)
    try:
        result = checkout(wanted(daemon), tmp_path / "out", 99)
    finally:
        os.umask(0o022)
    assert result.commit == run(repository, "rev-parse", "HEAD")
    found = snapshot(tmp_path / "out")
    assert {n: (oct(m), t) for n, (m, t, _) in found.items()} == {
        "docs": (oct(stat.S_IFDIR | 0o755), 99),
        "docs/a.md": (oct(stat.S_IFREG | 0o644), 99),
        "link": (oct(stat.S_IFLNK | 0o777), 99),
        "run.sh": (oct(stat.S_IFREG | 0o755), 99),
    }
    assert sorted(os.listdir(tmp_path)) == ["out", "srv"]


@pytest.mark.parametrize(
    ("ref", "content"),
    [("v1", "one\n"), ("refs/tags/v1", "one\n"), ("main", "two\n"), ("feature/x", "two\n")],
)
def test_refs(daemon: str, tmp_path: Path, ref: str, content: str) -> None:
    checkout(wanted(daemon, ref=ref), tmp_path / "out", 0)
    assert (tmp_path / "out" / "docs" / "a.md").read_text() == content


def test_commits_and_directories(daemon: str, repository: Path, tmp_path: Path) -> None:
    old = run(repository, "rev-parse", "HEAD~1")
    checkout(wanted(daemon, ref=old, subdir="docs"), tmp_path / "full", 0)
    assert (tmp_path / "full" / "a.md").read_text() == "one\n"
    result = checkout(wanted(daemon, ref=old[:10]), tmp_path / "short", 0)
    assert result.commit == old
    checkout(wanted(daemon, ref="v1", checksum=old[:7]), tmp_path / "ok", 0)
    with pytest.raises(InputError, match="--checksum"):
        checkout(wanted(daemon, ref="main", checksum=old[:7]), tmp_path / "bad", 0)
    for subdir in ("none", "run.sh", ".git"):
        with pytest.raises(InputError, match="no directory"):
            checkout(wanted(daemon, subdir=subdir), tmp_path / "bad", 0)
    assert not (tmp_path / "bad").exists()
    assert not (tmp_path / "bad.git-work").exists()


def test_what_cannot_be_had(daemon: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be fetched") as caught:
        checkout(wanted(daemon, ref="nowhere"), tmp_path / "out", 0)
    assert caught.value.where == PLACE
    with pytest.raises(InputError):
        checkout(wanted("git://127.0.0.1:1/r.git"), tmp_path / "out", 0)
    with pytest.raises(InputError):
        checkout(wanted(daemon, ref="--upload-pack=touch x"), tmp_path / "out", 0)


def test_a_kept_git_dir_works_and_is_the_same_twice(
    daemon: str, repository: Path, tmp_path: Path
) -> None:
    checkout(wanted(daemon, ref="v1", keep_git_dir=True), tmp_path / "one", 5)
    run(repository, "gc", "--quiet", "--aggressive")
    time.sleep(1.1)
    checkout(wanted(daemon, ref="v1", keep_git_dir=True), tmp_path / "two", 5)
    assert snapshot(tmp_path / "one") == snapshot(tmp_path / "two")
    assert run(tmp_path / "one", "describe", "--dirty") == "v1"
    assert run(tmp_path / "one", "status", "--porcelain") == ""
    assert run(tmp_path / "one", "log", "--format=%s") == "one"
    run(tmp_path / "one", "fsck", "--strict")


def test_exclude_and_chmod_of_a_checkout(daemon: str, tmp_path: Path) -> None:
    material = wanted(daemon, exclude=("docs",), chmod="go-rx")

    class Git:
        def download(self, material: object, target: Path) -> None:
            raise AssertionError((material, target))

        def checkout(self, material: FetchGit, target: Path, epoch: int) -> None:
            checkout(material, target, epoch)

    place_material(
        material, tmp_path, epoch=3, tree_root=lambda tree: tmp_path / str(tree), fetcher=Git()
    )
    assert sorted(os.listdir(tmp_path / "0")) == ["link", "run.sh"]
    assert stat.S_IMODE((tmp_path / "0" / "run.sh").stat().st_mode) == 0o700


def test_hooks_and_settings_of_the_machine_do_not_run(
    daemon: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[core]\n\thooksPath = /tmp\n\tautocrlf = true\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    checkout(wanted(daemon), tmp_path / "out", 0)
    assert (tmp_path / "out" / "docs" / "a.md").read_bytes() == b"two\n"


def test_untracked_files_are_named(repository: Path, tmp_path: Path) -> None:
    def findings(name: str) -> tuple[str, ...]:
        entries = stage(repository / "docs", NO_RULES, tmp_path / name, epoch=0).entries
        return tuple(f.what for f in untracked_findings(repository / "docs", entries))

    assert findings("s1") == ()
    (repository / "docs" / "new\n").write_text("")
    (finding,) = findings("s2")
    assert "1 file that git does not track would enter the build: 'new\\n'" in finding
    for index in range(30):
        (repository / "docs" / f"x{index:02}").write_text("")
    (finding,) = findings("s3")
    assert "31 files" in finding
    assert "and 21 more" in finding


def test_commit_time_is_that_of_the_context(repository: Path, tmp_path: Path) -> None:
    assert commit_time(repository) == 1700000000
    (tmp_path / "plain").mkdir()
    assert commit_time(tmp_path / "plain") is None
    entries = stage(repository, NO_RULES, tmp_path / "s", epoch=0).entries
    assert untracked_findings(tmp_path / "plain", entries) == ()


def test_a_hostile_repository_runs_nothing(repository: Path) -> None:
    run(repository, "config", "core.fsmonitor", "touch pwned; false")
    commit_time(repository)
    untracked_findings(repository, ())
    assert not (repository / "pwned").exists()
