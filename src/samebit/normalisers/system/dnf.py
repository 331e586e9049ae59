"""dnf's and yum's logs, counters and compiled caches."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

DNF_LOG = Normaliser(
    name="rpm/dnf-log",
    action=Action.REVERT,
    paths=(
        b"var/log/dnf.log",
        b"var/log/dnf.librepo.log",
        b"var/log/dnf.rpm.log",
        b"var/log/dnf5.log",
        b"var/log/hawkey.log",
        b"var/log/yum.log",
        b"var/log/zypper.log",
        b"var/log/zypp/history",
        b"root/.local/state/dnf5.log",
    ),
    why="Logs with times. The programs only append to them, and make missing ones.",
    reference="dnf.conf(5), logdir",
)
DNF_COUNTME = Normaliser(
    name="rpm/dnf-countme",
    action=Action.REVERT,
    paths=(b"var/lib/dnf/repos/*/countme", b"var/lib/dnf/repos/*"),
    why="How many weeks this system exists, for the distribution's statistics.",
    reference="dnf.conf(5), countme",
)
DNF_CACHE = Normaliser(
    name="rpm/dnf-cache",
    action=Action.REVERT,
    paths=(
        b"var/cache/dnf/*.solv",
        b"var/cache/dnf/*.solvx",
        b"var/cache/dnf/expired_repos.json",
        b"var/cache/dnf/last_makecache",
        b"var/cache/dnf/tempfiles.json",
        b"var/cache/libdnf5/*/solv",
        b"var/cache/libdnf5/*/solv/*",
        b"var/cache/zypp/solv/*/*",
    ),
    why="The repositories' metadata in libsolv's own form, with times. dnf compares it with the"
    " metadata, which stays, and makes it anew.",
    reference="dnf.conf(5), cachedir",
)
DNF_LOCKS = Normaliser(
    name="rpm/locks",
    action=Action.REVERT,
    paths=(
        b"var/lib/rpm/.rpm.lock",
        b"var/lib/rpm/.dbenv.lock",
        b"var/lib/rpm/__db.*",
        b"usr/lib/sysimage/rpm/.rpm.lock",
        b"**/.rpmdb/.rpm.lock",
        b"var/cache/dnf/*.pid",
        b"var/lib/dnf/rpmdb_lock.pid",
    ),
    why="What rpm and dnf lock while they run, and Berkeley DB's shared memory; made anew.",
    reference="rpmlock.c; Berkeley DB, environment regions",
)
