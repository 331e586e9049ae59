from __future__ import annotations

import pytest

from samebit.distribution import install
from samebit.distribution.install import known_distributions, recognise

RELEASES = {
    "Debian GNU/Linux 12 (bookworm)": (
        'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\n'
    ),
    "Debian GNU/Linux 13 (trixie)": (
        'ID=debian\nPRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nVERSION_ID="13"\n'
    ),
    "Ubuntu 24.04.1 LTS": "PRETTY_NAME='Ubuntu 24.04.1 LTS'\nID=ubuntu\nID_LIKE=debian\n",
    "Fedora Linux 43": 'NAME="Fedora Linux"\nPRETTY_NAME="Fedora Linux 43"\nID=fedora\n',
    "Alpine Linux v3.22": 'ID=alpine\nPRETTY_NAME="Alpine Linux v3.22"\n',
    "Arch Linux": 'NAME="Arch Linux"\nID=arch\n',
}


@pytest.mark.parametrize(
    ("name", "command"),
    [
        (
            "Debian GNU/Linux 12 (bookworm)",
            "apt-get install --no-install-recommends buildah uidmap openssh-client",
        ),
        (
            "Ubuntu 24.04.1 LTS",
            "apt-get install --no-install-recommends buildah uidmap openssh-client",
        ),
        ("Fedora Linux 43", "dnf install buildah shadow-utils openssh-clients"),
        ("Alpine Linux v3.22", "apk add buildah shadow-uidmap shadow openssh-client"),
        ("Arch Linux", "pacman -S buildah shadow openssh"),
    ],
)
def test_each_distribution_has_its_own_command_and_names(name: str, command: str) -> None:
    found = recognise(RELEASES[name])
    assert found.name == name
    assert found.command("buildah", "uidmap", "ssh-agent") == command


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "dnf install runc"),
        ("ID=linuxmint\nID_LIKE='ubuntu debian'\n", "apt-get install --no-install-recommends runc"),
        ('ID="opensuse-tumbleweed"\nID_LIKE="opensuse suse"\n', "zypper install runc"),
        ("ID=manjaro\nID_LIKE=arch\n", "pacman -S runc"),
    ],
)
def test_relatives_are_taken_for_what_they_are_like(release: str, command: str) -> None:
    assert recognise(release).command("runc") == command


def test_what_a_distribution_does_not_have_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "is_root", lambda: True)
    debian = recognise(RELEASES["Debian GNU/Linux 12 (bookworm)"])
    assert debian.command("git", "cosign") is None
    assert debian.advice("git", "cosign") == (
        f"{debian.name} has no fitting package of cosign: see its project's own page"
    )
    assert debian.advice("git") == "apt-get install --no-install-recommends git"


def test_a_release_may_lack_what_the_next_one_has() -> None:
    # Debian 12 has no buildx, and a dockerd that is too old.
    assert (
        recognise(RELEASES["Debian GNU/Linux 12 (bookworm)"]).command("dockerd", "buildx") is None
    )
    assert recognise(RELEASES["Debian GNU/Linux 13 (trixie)"]).command("dockerd", "buildx") == (
        "apt-get install --no-install-recommends docker.io docker-cli docker-buildx"
    )


def test_ordinary_users_get_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "is_root", lambda: False)
    assert recognise("ID=alpine\n").advice("git") == "sudo apk add git"


def test_root_of_a_user_namespace_is_not_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert install.is_root()
    monkeypatch.setenv("_CONTAINERS_ROOTLESS_UID", "1000")
    assert install.real_user() == 1000
    assert not install.is_root()


def test_an_unknown_distribution_is_advised_without_a_command() -> None:
    found = recognise("ID=void\nPRETTY_NAME=Void\n# a comment\nrubbish\n")
    assert found.command("git") is None
    assert found.advice("git") == "install git with your distribution's package manager"
    assert recognise("").name == "this system"


def test_the_five_that_are_promised_are_known() -> None:
    assert set(known_distributions()) >= {"debian", "ubuntu", "fedora", "alpine", "arch"}
