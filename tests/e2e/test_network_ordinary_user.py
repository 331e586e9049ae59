"""An ordinary user records and replays inside a user namespace, as root does."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_internet import Page, fake_internet

USER = "samebit-test"
pytestmark = [
    pytest.mark.e2e,
    # It adds a user to the machine.
    pytest.mark.prove,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user"),
]


def as_user(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["runuser", "-u", USER, "--", *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(home_of_user()), **environment},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=600,
    )


def home_of_user() -> Path:
    try:
        return Path(pwd.getpwnam(USER).pw_dir)
    except KeyError:
        subprocess.run(["useradd", "--create-home", USER], check=True, timeout=60)
        return Path(pwd.getpwnam(USER).pw_dir)


def test_an_ordinary_user_records_and_replays(busybox_context: Path, tmp_path: Path) -> None:
    if as_user(sys.executable, "-c", "import samebit", cwd=Path("/")).returncode != 0:
        pytest.skip("the ordinary user cannot read this checkout")
    (busybox_context / "Dockerfile").write_text(
        "FROM scratch\nCOPY busybox /bin/busybox\n"
        'RUN ["/bin/busybox", "wget", "-q", "-O", "/one", "http://a.example.org:8123/one"]\n'
        'RUN ["/bin/busybox", "wget", "-q", "-O", "/two", "https://a.example.org/two"]\n'
    )
    context = home_of_user() / "network-context"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(busybox_context, context)
    with fake_internet(tmp_path / "internet") as internet:
        internet.pages["http://a.example.org:8123/one"] = Page(b"1")
        internet.pages["https://a.example.org/two"] = Page(b"2")
        shutil.copy(internet.trust, context / "trust.pem")
        (context / ".dockerignore").write_text("trust.pem\n")
        subprocess.run(["chown", "-R", f"{USER}:", str(context)], check=True, timeout=60)
        command = [sys.executable, "-m", "samebit.cli", "build", "--progress=plain", "--no-cache"]
        environment = {**internet.environment, "SSL_CERT_FILE": str(context / "trust.pem")}
        recorded = as_user(*command, ".", cwd=context, **environment)
        assert recorded.returncode == 0, recorded.stderr
        seen = len(internet.seen)
        assert seen == 2
        replayed = as_user(*command, "--locked", ".", cwd=context, **environment)
        assert replayed.returncode == 0, replayed.stderr
        assert replayed.stdout == recorded.stdout
        assert len(internet.seen) == seen
