"""An ordinary user records and replays inside a user namespace, as root does."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from fake_internet import Page, fake_internet
from ordinary_user import can_read_this_checkout, give, new_folder, samebit_of_user

pytestmark = [
    pytest.mark.e2e,
    # It adds a user to the machine.
    pytest.mark.prove,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user"),
]


def test_an_ordinary_user_records_and_replays(busybox_context: Path, tmp_path: Path) -> None:
    if not can_read_this_checkout():
        pytest.skip("the ordinary user cannot read this checkout")
    (busybox_context / "Dockerfile").write_text(
        "FROM scratch\nCOPY busybox /bin/busybox\n"
        'RUN ["/bin/busybox", "wget", "-q", "-O", "/one", "http://a.example.org:8123/one"]\n'
        'RUN ["/bin/busybox", "wget", "-q", "-O", "/two", "https://a.example.org/two"]\n'
    )
    theirs = new_folder("network")
    context = theirs / "context"
    shutil.copytree(busybox_context, context)
    with fake_internet(tmp_path / "internet") as internet:
        internet.pages["http://a.example.org:8123/one"] = Page(b"1")
        internet.pages["https://a.example.org/two"] = Page(b"2")
        trust = theirs / "trust.pem"
        shutil.copy(internet.trust, trust)
        give(theirs)
        samebit = samebit_of_user(theirs / "home")
        environment = {**internet.environment, "SSL_CERT_FILE": str(trust)}
        recorded = samebit.build("--no-cache", context, cwd=theirs, **environment)
        seen = len(internet.seen)
        assert seen == 2
        locked = ("--no-cache", "--locked", context)
        assert samebit.build(*locked, cwd=theirs, **environment) == recorded
        assert len(internet.seen) == seen
