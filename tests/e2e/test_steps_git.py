"""ADD of git repositories, served by git's own HTTP service on loopback."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback_server import LoopbackServer, serving
from step_builds import Steps

pytestmark = pytest.mark.e2e

GIT = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_DATE": "2024-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2024-01-01T00:00:00Z",
}  # fmt: skip


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env={**os.environ, **GIT}, check=True,
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[LoopbackServer]:
    repositories = tmp_path / "repositories"
    repositories.mkdir()
    with serving(repositories) as running:
        yield running


@pytest.fixture
def work(server: LoopbackServer, tmp_path: Path) -> Path:
    """A work tree whose commits are pushed to the served `r.git`."""
    bare = server.repositories / "r.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    git(bare, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(tmp_path, "init", "-q", "-b", "main", "work")
    folder = tmp_path / "work"
    git(folder, "remote", "add", "origin", str(bare))
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "file").write_text("one\n")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o777)
    (folder / "sub" / "inner").write_text("inner\n")
    (folder / "sub" / "deep" / "x").write_text("x\n")
    (folder / "link").symlink_to("file")
    (folder / ".gitattributes").write_text("file text eol=crlf\n")
    commit(folder, "one")
    git(folder, "tag", "-a", "-m", "first", "v1")
    (folder / "file").write_text("two\n")
    commit(folder, "two")
    git(folder, "checkout", "-q", "-b", "topic", "v1")
    (folder / "topic").write_text("t\n")
    commit(folder, "topic")
    git(folder, "push", "-q", "--all", "origin")
    git(folder, "push", "-q", "--tags", "origin")
    return folder


def commit(folder: Path, message: str) -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)


def test_refs_and_directories(steps: Steps, server: LoopbackServer, work: Path) -> None:
    first = git(work, "rev-parse", "v1^{commit}")
    url = f"{server.url}/git/r.git"
    built = steps.build(
        "FROM base\n"
        f"ADD {url} /main\n"
        f"ADD {url}#v1 /tag/\n"
        f"ADD {url}#topic /branch\n"
        f"ADD {url}#refs/heads/topic /full\n"
        f"ADD {url}#{first} /commit\n"
        f"ADD {url}#:sub /sub\n"
        f"ADD {url}#v1:sub/deep /deep\n"
        f"ADD {url}?tag=v1&subdir=sub /query\n"
        f"ADD --checksum={first} {url}#v1 /checked\n"
        f"ADD --chown=3:4 --chmod=u=rwX,go= {url}#v1:sub /owned\n"
        f"ADD --exclude=sub --exclude=.git* {url} /some\n",
        same_on_vfs=True,
    )
    # Line endings are the repository's, whatever its attributes say of a checkout.
    text = {path: item.text for path, item in built.layer.items() if item.kind == "file"}
    assert text["main/file"].split() == ["two"]
    assert text["tag/file"].split() == ["one"]
    assert {"branch/topic", "full/topic"} <= set(text)
    assert text["commit/file"] == text["tag/file"] == text["checked/file"]
    assert built.paths("sub") == ["sub", "sub/deep", "sub/deep/x", "sub/inner"]
    assert built.paths("deep") == ["deep", "deep/x"]
    assert built.paths("query/") == ["query/deep", "query/deep/x", "query/inner"]
    assert built.paths("some/") == ["some/file", "some/link", "some/run"]
    assert built.shape("main/") == {
        "main/.gitattributes": ("file", "644", (0, 0)),
        "main/file": ("file", "644", (0, 0)),
        "main/link": ("symlink", "777", (0, 0)),
        "main/run": ("file", "755", (0, 0)),
        "main/sub": ("directory", "755", (0, 0)),
        "main/sub/deep": ("directory", "755", (0, 0)),
        "main/sub/deep/x": ("file", "644", (0, 0)),
        "main/sub/inner": ("file", "644", (0, 0)),
    }
    assert built.shape("owned/") == {
        "owned/deep": ("directory", "700", (3, 4)),
        "owned/deep/x": ("file", "600", (3, 4)),
        "owned/inner": ("file", "600", (3, 4)),
    }


def test_keep_git_dir_is_a_function_of_the_commit(
    steps: Steps, server: LoopbackServer, work: Path, tmp_path: Path
) -> None:
    url = f"{server.url}/git/r.git"
    recipe = f"FROM base\nADD --keep-git-dir=true {url}#v1 /kept\n"
    built = steps.build(recipe, same_on_vfs=True)
    # What else the repository holds, and how it is packed, does not show.
    (work / "more").write_text("m\n")
    commit(work, "more")
    git(work, "push", "-q", "--all", "origin")
    git(server.repositories / "r.git", "repack", "-q", "-a", "-d", "--depth=50")
    assert steps.build(recipe).digest == built.digest
    root = tmp_path / "kept"
    for path, item in built.layer.items():
        target = root / path
        if item.kind == "directory":
            target.mkdir(parents=True, exist_ok=True)
        elif item.kind == "symlink":
            target.symlink_to(item.link)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(item.content)
            target.chmod(item.mode)
    assert git(root / "kept", "rev-parse", "HEAD") == git(work, "rev-parse", "v1^{commit}")
    assert git(root / "kept", "describe", "--tags") == "v1"
    assert git(root / "kept", "log", "--format=%s") == "one"
    git(root / "kept", "fsck", "--full")
    assert git(root / "kept", "status", "--porcelain").split()[1::2] in ([], ["file"])
    assert not any("/hooks" in path or "/logs" in path for path in built.layer)


@pytest.mark.usefixtures("work")
def test_submodules(steps: Steps, server: LoopbackServer, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    bare = server.repositories / "outer.git"
    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    git(tmp_path, "init", "-q", "-b", "main", str(outer))
    git(outer, "submodule", "--quiet", "add", f"{server.url}/git/r.git", "mod")
    commit(outer, "outer")
    git(outer, "push", "-q", str(bare), "main")
    url = f"{server.url}/git/outer.git"
    built = steps.build(f"FROM base\nADD {url} /with\nADD {url}?submodules=false /without\n")
    assert "with/mod/file" in built.layer
    assert "without/mod/file" not in built.layer
    assert not any(path.endswith("/.git") for path in built.layer)


def test_over_tls_with_the_hosts_trust(steps: Steps, work: Path, tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-days", "2", "-subj", "/CN=loopback", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", pem, "-out", tmp_path / "ca.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    with pem.open("ab") as stream:
        stream.write((tmp_path / "ca.pem").read_bytes())
    with serving(work.parent / "repositories", pem) as server:
        server.files["/file"] = b"secure"
        recipe = f"FROM base\nADD {server.url}/git/r.git /r\nADD {server.url}/file /file\n"
        trust = {name: str(tmp_path / "ca.pem") for name in ("SSL_CERT_FILE", "GIT_SSL_CAINFO")}
        built = steps.build(recipe, **trust)
        assert built.text("file") == "secure"
        assert "r/file" in built.layer
        # What was recorded before would be replayed.
        untrusted = f"FROM base\nADD {server.url}/more /file\n"
        said = steps.fails(untrusted, code=5, SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt")
        assert "certificate" in said.lower()


def test_what_goes_wrong(steps: Steps, server: LoopbackServer, work: Path) -> None:
    url = f"{server.url}/git/r.git"
    second = git(work, "rev-parse", "main")
    for source, said in (
        (f"{url}#nowhere", "nowhere"),
        (f"{url}#v1:none", "has no directory none"),
        (f"--checksum={second} {url}#v1", "is not at the commit"),
        (f"{server.url}/git/missing.git", "missing.git"),
        (f"{url.replace('http://', 'http://user:pass-word@')}#nowhere", "nowhere"),
    ):
        told = steps.fails(f"FROM base\nADD {source} /x\n", code=5)
        assert "Dockerfile:2" in told
        assert said in told
        assert "pass-word" not in told
