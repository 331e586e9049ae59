"""Which paths the normalisers of distributions' tools take, and which they must not."""

from __future__ import annotations

import pytest

from samebit.image.entry import Entry, Kind
from samebit.model.normalising import NO_CHOICES
from samebit.normalisers.selection import NormaliserSelection

SELECTION = NormaliserSelection.of(1, NO_CHOICES)

TAKEN = {
    "debian/dpkg-log": ["var/log/dpkg.log"],
    "system/fontconfig-log": ["var/log/fontconfig.log"],
    "debian/alternatives-log": ["var/log/alternatives.log"],
    "debian/bootstrap-log": ["var/log/bootstrap.log"],
    "debian/dpkg-old": ["var/lib/dpkg/status-old", "var/lib/dpkg/diversions-old"],
    "debian/debconf-old": [
        "var/cache/debconf/config.dat-old",
        "var/cache/debconf/templates.dat-old",
    ],
    "debian/apt-log": [
        "var/log/apt/history.log",
        "var/log/apt/term.log",
        "var/log/apt/eipp.log.xz",
    ],
    "debian/apt-cache": ["var/cache/apt/pkgcache.bin", "var/cache/apt/srcpkgcache.bin"],
    "debian/apt-partial": ["var/cache/apt/archives/partial/a.deb", "var/lib/apt/lists/lock"],
    "system/ldconfig-aux-cache": ["var/cache/ldconfig/aux-cache"],
    "system/account-backups": ["etc/passwd-", "etc/shadow-", "etc/subuid-", "etc/.pwd.lock"],
    "system/login-records": ["var/log/lastlog", "var/log/wtmp"],
    "system/systemd-secrets": ["var/lib/systemd/random-seed", "var/lib/systemd/credential.secret"],
    "system/journal": ["var/log/journal/0123/system.journal", "var/log/journal/0123"],
    "system/supervisor-child-logs": ["var/log/supervisor/web-stderr---supervisor-ijkwm636.log"],
    "system/histories": ["root/.bash_history", "home/al/.wget-hsts", "root/.viminfo"],
    "system/temporary": [
        "tmp/tmp.Ab3dEfGhIj",
        "tmp/tmp.Ab3dEfGhIj/deep/file",
        "var/tmp/tmp.ABCdefghij",
        "tmp/go-build1234567/b001/x.o",
        "tmp/npm-27-0123abcd/x",
        "tmp/ccAbCdEf.s",
        "tmp/ca-certificates.tmp.AbCdEf",
    ],
    "java/hsperfdata": ["tmp/hsperfdata_root", "tmp/hsperfdata_root/42"],
    "arch/pacman-log": ["var/log/pacman.log"],
    "rpm/dnf-log": ["var/log/dnf.log", "var/log/hawkey.log"],
    "rpm/dnf-countme": ["var/lib/dnf/repos/fedora-0123/countme"],
    "rpm/dnf-cache": ["var/cache/dnf/fedora.solv", "var/cache/dnf/expired_repos.json"],
    "rpm/locks": ["var/lib/rpm/.rpm.lock", "var/lib/rpm/__db.001"],
    "alpine/apk-log": ["var/log/apk.log", "lib/apk/db/lock"],
}

LEFT = [
    "var/lib/dpkg/status",
    "var/lib/dpkg/info/x.list",
    "var/lib/dpkg/sub/status-old",
    "var/cache/debconf/config.dat",
    "var/lib/apt/lists/deb.example.org_dists_x_InRelease",
    "var/lib/apt/extended_states",
    "var/cache/apt/archives/a.deb",
    "etc/ld.so.cache",
    "etc/passwd",
    "etc/group",
    "etc/gshadow",
    "etc/subuid",
    "var/log/app.log",
    "var/log/apt/other.log",
    "opt/var/log/dpkg.log",
    "var/lib/systemd/catalog/database",
    "var/cache/man/index.db",
    "usr/lib/locale/locale-archive",
    "usr/share/mime/mime.cache",
    "usr/share/icons/hicolor/icon-theme.cache",
    "usr/share/glib-2.0/schemas/gschemas.compiled",
    "srv/app/.bash_history",
    "root/.bashrc",
    "root/.profile",
    "tmp/file",
    "tmp/tmp.settings",
    "tmp/tmp.production",
    "tmp/tmp.Ab3dEfGhI",
    "tmp/tmp.MyDocument",
    "tmp/tmp.version123",
    "tmp/tmp_build_1",
    "tmp/a/tmp.Ab3dEfGhIj",
    "tmp/go-buildx",
    "srv/tmp/tmp.Ab3dEfGhIj",
    "var/lib/rpm/rpmdb.sqlite.bak",
    "var/cache/dnf/fedora-0123/repodata/primary.xml.gz",
    "lib/apk/db/triggers",
    "var/lib/pacman/local/x-1/files",
]


def chosen(path: str) -> str | None:
    entry = Entry(path.encode(), Kind.DIRECTORY, 0o755)
    for one in SELECTION.find(path.encode()):
        if one.private:
            continue
        if not one.reads() and one.rewrite is None and one.recognises(entry, b""):
            return one.name
    return None


@pytest.mark.parametrize(("name", "path"), [(n, p) for n, ps in TAKEN.items() for p in ps])
def test_noise_is_taken(name: str, path: str) -> None:
    assert chosen(path) == name


@pytest.mark.parametrize("path", LEFT)
def test_what_programs_need_is_left(path: str) -> None:
    assert chosen(path) is None


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        (b"tmp/tmp.mrtjlmpnEq", True),
        (b"var/tmp/tmp.mrtjlmpn0q/deep/file", True),
        (b"tmp/tmp.MyDocument", True),
        (b"tmp/tmp.production", False),
        (b"tmp/tmp.Document", False),
        (b"srv/tmp.mrtjlmpnEq", False),
    ],
)
def test_what_could_be_a_word_is_taken_when_it_is_private(path: bytes, taken: bool) -> None:
    found = [one for one in SELECTION.find(path) if one.private]
    match = [one.only.fullmatch(path) for one in found if one.only is not None]
    assert any(match) is taken
    assert all(path.startswith(one[1]) and one[1].count(b".") == 1 for one in match if one)
