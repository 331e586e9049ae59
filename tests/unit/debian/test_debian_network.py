"""Running mmdebstrap in another network than the host's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from samebit.debian.network import ArchiveNetwork, enter_network, place_apt_options


def network(folder: Path, *, replays: bool = False) -> ArchiveNetwork:
    private = folder / "private"
    private.mkdir()
    resolver = private / "resolv.conf"
    resolver.write_text("nameserver 198.18.0.1\n")
    authority = private / "ca.pem"
    authority.write_text("certificate\n")
    return ArchiveNetwork("/proc/self/ns/net", resolver, authority, private, replays=replays)


@pytest.mark.parametrize("replays", [False, True])
def test_apt_is_told_outside_of_the_tree(tmp_path: Path, *, replays: bool) -> None:
    scratch = tmp_path / "a b"
    scratch.mkdir()
    (option,) = place_apt_options(network(tmp_path, replays=replays), scratch)
    hook = option.removeprefix("--setup-hook=")
    told = tmp_path / "apt.conf"
    told.write_text("before\n")
    subprocess.run(
        ["sh", "-euc", hook], env={"MMDEBSTRAP_APT_CONFIG": str(told)}, check=True, timeout=60
    )
    before, trust, *dates = told.read_text().splitlines()
    assert before == "before"
    path = Path(trust.removeprefix('Acquire::https::CaInfo "').removesuffix('";'))
    assert path.read_text() == "certificate\n"
    # apt's own user reads it.
    assert path.stat().st_mode & 0o777 == 0o644
    assert dates == (['Acquire::Check-Valid-Until "false";'] if replays else [])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_names_are_found_as_that_network_says(tmp_path: Path) -> None:
    before = Path("/etc/resolv.conf").read_bytes()
    command = ["cat", "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"]
    done = subprocess.run(
        enter_network(network(tmp_path), command), check=True, capture_output=True, timeout=60
    )
    assert done.stdout.decode() == (
        "nameserver 198.18.0.1\n"
        "127.0.0.1 localhost\n"
        "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n"
    )
    assert Path("/etc/resolv.conf").read_bytes() == before
    # An argument that is empty ends nothing.
    echo = ["printf", "%s.", "a", "", "b"]
    (tmp_path / "again").mkdir()
    done = subprocess.run(
        enter_network(network(tmp_path / "again"), echo),
        check=True,
        capture_output=True,
        timeout=60,
    )
    assert done.stdout == b"a..b."
