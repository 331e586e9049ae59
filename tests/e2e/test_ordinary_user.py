"""An ordinary user with subordinate IDs gets the digest that root gets, varied or not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from ordinary_user import can_read_this_checkout, give, new_folder, samebit_of_user
from samebit_command import Samebit

pytestmark = [
    pytest.mark.e2e,
    # It adds a user to the machine.
    pytest.mark.prove,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user"),
]


def users_copy(context: Path, name: str) -> Path:
    if not can_read_this_checkout():
        pytest.skip("the ordinary user cannot read this checkout")
    copy = new_folder(name) / "context"
    shutil.copytree(context, copy, ignore=shutil.ignore_patterns("*.lock"))
    give(copy.parent)
    return copy


def test_an_ordinary_user_gets_the_same_digest(samebit: Samebit, busybox_context: Path) -> None:
    (busybox_context / "Dockerfile").write_text(
        "FROM scratch\nCOPY busybox /bin/busybox\n"
        'RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]\n'
        "RUN mkdir /d && chown 7:8 /d && chmod 2750 /d && ln /bin/busybox /bin/again\n"
        "USER 12\nRUN id -u > /tmp-id || true\n"
    )
    context = users_copy(busybox_context, "build")
    expected = samebit.build(busybox_context)
    own = samebit_of_user(context.parent / "home")
    assert own.build("--no-cache", ".", cwd=context) == expected


def test_an_ordinary_user_verifies_what_root_built(samebit: Samebit, busybox_context: Path) -> None:
    (busybox_context / "Dockerfile").write_text(
        "FROM scratch\nCOPY busybox /bin/busybox\n"
        'RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]\n'
        "RUN mkdir /d && chown 7:8 /d\n"
    )
    context = users_copy(busybox_context, "verify")
    expected = samebit.build(busybox_context)
    own = samebit_of_user(context.parent / "home")
    options = ("--apart=0", "--progress=plain", f"--expect={expected}")
    done = own.run("verify", *options, ".", cwd=context)
    assert done.returncode == 0, done.stderr + done.stdout
    assert "and the same as" in done.stdout
    assert "processors" in done.stdout.splitlines()[0]
