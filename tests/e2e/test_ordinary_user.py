"""An ordinary user with subordinate IDs gets the digest that root gets, varied or not."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from samebit_command import Samebit

USER = "samebit-test"
pytestmark = [
    pytest.mark.e2e,
    # It adds a user to the machine.
    pytest.mark.prove,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user"),
]


def home_of_user() -> Path:
    try:
        return Path(pwd.getpwnam(USER).pw_dir)
    except KeyError:
        subprocess.run(["useradd", "--create-home", USER], check=True, timeout=60)
        return Path(pwd.getpwnam(USER).pw_dir)


def as_user(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["runuser", "-u", USER, "--", *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "HOME": str(home_of_user())},
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=600,
    )


def test_an_ordinary_user_gets_the_same_digest(samebit: Samebit, busybox_context: Path) -> None:
    (busybox_context / "Dockerfile").write_text(
        "FROM scratch\nCOPY busybox /bin/busybox\n"
        'RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]\n'
        "RUN mkdir /d && chown 7:8 /d && chmod 2750 /d && ln /bin/busybox /bin/again\n"
        "USER 12\nRUN id -u > /tmp-id || true\n"
    )
    if as_user(sys.executable, "-c", "import samebit", cwd=Path("/")).returncode != 0:
        pytest.skip("the ordinary user cannot read this checkout")
    expected = samebit.build(busybox_context)
    context = home_of_user() / "context"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(busybox_context, context, ignore=shutil.ignore_patterns("*.lock"))
    subprocess.run(["chown", "-R", f"{USER}:", str(context)], check=True, timeout=60)
    done = as_user(sys.executable, "-m", "samebit.cli", "build", "--no-cache", ".", cwd=context)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == expected


def test_an_ordinary_user_verifies_what_root_built(samebit: Samebit, busybox_context: Path) -> None:
    (busybox_context / "Dockerfile").write_text(
        "FROM scratch\nCOPY busybox /bin/busybox\n"
        'RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]\n'
        "RUN mkdir /d && chown 7:8 /d\n"
    )
    if as_user(sys.executable, "-c", "import samebit", cwd=Path("/")).returncode != 0:
        pytest.skip("the ordinary user cannot read this checkout")
    expected = samebit.build(busybox_context)
    context = home_of_user() / "verified"
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(busybox_context, context)
    subprocess.run(["chown", "-R", f"{USER}:", str(context)], check=True, timeout=60)
    options = ("--apart=0", "--progress=plain", f"--expect={expected}")
    done = as_user(sys.executable, "-m", "samebit.cli", "verify", *options, ".", cwd=context)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "and the same as" in done.stdout
    assert "processors" in done.stdout.splitlines()[0]
