"""ADD of URLs and git addresses: recorded with the first build, replayed without a connection."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_registry import LoopbackRegistry
from loopback_server import LoopbackServer, serving
from samebit_command import Samebit

from samebit.lock.git_fetch import commit_of
from samebit.lock.model import Lock
from samebit.lock.toml import read_lock
from samebit.store.store import Store

pytestmark = pytest.mark.e2e


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoopbackServer]:
    with serving(tmp_path / "served") as running:
        running.files = {"/f": b"first", "/g": b"other"}
        running.redirects = {"/moved": "/f?token=hunter2"}
        yield running


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "served" / "r"
    folder.mkdir(parents=True)
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "one")
    return folder


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def commit(folder: Path, content: str) -> str:
    (folder / "file").write_text(content)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", content)
    return git(folder, "rev-parse", "HEAD")


def loaded(context: Path) -> Lock:
    lock = read_lock(context / "Dockerfile.lock")
    assert lock is not None
    return lock


def test_recorded_replayed_missed_updated(
    samebit: Samebit, server: LoopbackServer, work: Path, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    dockerfile = context / "Dockerfile"
    address = server.url.replace("http://", "http://me:hunter2@")
    recipe = f"FROM scratch\nADD {address}/moved /moved\nADD {server.url}/git/r/.git#main /git/\n"
    dockerfile.write_text(recipe)
    first = samebit.build(context)
    text = (context / "Dockerfile.lock").read_text()
    assert "hunter2" not in text
    fetches = {fetch.key.url.removeprefix(server.url): fetch for fetch in loaded(context).fetches}
    assert list(fetches) == ["/f?token=REDACTED", "/git/r/.git#ref=main", "/moved"]
    assert [fetch.instruction for fetch in fetches.values()] == ["0/1", "0/2", "0/1"]
    old = git(work, "rev-parse", "HEAD")
    assert commit_of(fetches["/git/r/.git#ref=main"]) == old

    # Whatever is there now, nobody asks.
    server.files["/f"] = b"second"
    new = commit(work, "two")
    server.requests.clear()
    assert samebit.build("--no-cache", context) == first
    assert samebit.build("--no-cache", "--locked", context) == first
    assert server.requests == []

    # Another instruction asks for more: only that is fetched, the rest stays as it was.
    dockerfile.write_text(recipe + f"ADD {server.url}/g /g\n")
    done = samebit.run("build", "--locked", context)
    assert done.returncode == 4
    samebit.build(context)
    assert server.requests == ["GET /g"]
    assert set(fetches.values()) < set(loaded(context).fetches)

    # Updated by origin: all of it, redirects included, and told in commits.
    done = samebit.run("lock", f"--update={server.url}", context)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert any(line.startswith("suspicious url") and "/f?token=REDACTED" in line for line in lines)
    assert any(
        line.startswith("changed git ") and line.endswith(f"{old} -> {new}") for line in lines
    )
    assert "hunter2" not in done.stdout + done.stderr

    # A fetch that is gone from a fresh lock is a miss, at its line.
    lock = loaded(context)
    head, *tables = (context / "Dockerfile.lock").read_text().split("\n[[fetch]]")
    kept = [table for table in tables if not table.rstrip().endswith('/g"')]
    assert len(kept) == len(tables) - 1
    (context / "Dockerfile.lock").write_text("\n[[fetch]]".join([head, *kept]))
    done = samebit.run("build", "--no-cache", context)
    assert done.returncode == 4, done.stderr
    assert f"{dockerfile}:4:1: error: GET {server.url}/g is not in the lock" in done.stderr

    # What the store lost is fetched again from where it was, and checked.
    (context / "Dockerfile.lock").write_text("\n[[fetch]]".join([head, *tables]))
    store = Store(samebit.home / "store")
    for fetch in lock.fetches:
        store.remove(fetch.digest)
    samebit.build("--no-cache", context)
    for fetch in lock.fetches:
        store.remove(fetch.digest)
    server.files["/g"] = b"changed"
    done = samebit.run("build", "--no-cache", context)
    assert done.returncode == 5
    assert "/g" in done.stderr


def test_elsewhere_the_bytes_come_from_the_inputs_artifact(
    samebit: Samebit, work: Path, tmp_path: Path
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    assert work.is_dir()
    with serving(tmp_path / "served") as server:
        server.files = {"/f": b"first"}
        (context / "Dockerfile").write_text(
            f"FROM scratch\nADD {server.url}/f /f\nADD {server.url}/git/r/.git#main /git/\n"
        )
        digest = samebit.build(context)
        origin = server.url
    registry = LoopbackRegistry.start(tmp_path / "registry")
    try:
        name = f"{registry.address}/app/inputs:1"
        lock = context / "Dockerfile.lock"
        done = samebit.run("inputs", "push", name, "--origin", origin, "--lock", lock)
        assert done.returncode == 0, done.stderr
        elsewhere = samebit.with_home(tmp_path / "elsewhere")
        assert elsewhere.build("--locked", context) == digest
    finally:
        registry.stop()
    # Now that they are here, nobody is asked; without them there is nobody to ask.
    assert elsewhere.build("--locked", "--no-cache", context) == digest
    nowhere = samebit.with_home(tmp_path / "nowhere")
    assert nowhere.run("build", "--locked", context).returncode == 5
