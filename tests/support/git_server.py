"""A git repository of the test's own, served by git's smart HTTP protocol."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from fake_internet import FakeInternet, Page, Seen

_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}


def make_repository(folder: Path, files: dict[str, str]) -> Path:
    """Commit the files on a branch `main` below a new folder; gives the folder."""
    folder.mkdir()
    _git(folder, "init", "--quiet", "--initial-branch=main")
    for name, text in files.items():
        (folder / name).write_text(text)
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "--message", "One")
    return folder


def serve_repository(internet: FakeInternet, url: str, folder: Path) -> None:
    """Answer `git clone URL`, as gitprotocol-http(5) says."""

    def answer(kind: str, seen: Seen, *options: str) -> Page:
        protocol = seen.headers.get("Git-Protocol", "")
        body = _git(folder, "upload-pack", "--stateless-rpc", *options, ".",
                    protocol=protocol, stdin=seen.body)  # fmt: skip
        if options:
            body = b"001e# service=git-upload-pack\n0000" + body
        return Page(body, headers={"Content-Type": f"application/x-git-upload-pack-{kind}"})

    internet.pages[f"{url}/info/refs?service=git-upload-pack"] = lambda seen: answer(
        "advertisement", seen, "--http-backend-info-refs"
    )
    internet.pages[f"{url}/git-upload-pack"] = lambda seen: answer("result", seen)


def _git(folder: Path, *arguments: str, protocol: str = "", stdin: bytes = b"") -> bytes:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**_ENVIRONMENT, "GIT_PROTOCOL": protocol},
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
