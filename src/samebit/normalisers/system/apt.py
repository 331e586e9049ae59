"""apt's logs and binary caches. The package lists are locked bytes and stay."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

APT_LOG = Normaliser(
    name="debian/apt-log",
    action=Action.REVERT,
    paths=(
        b"var/log/apt/history.log",
        b"var/log/apt/term.log",
        b"var/log/apt/eipp.log.xz",
        b"var/log/aptitude",
        b"var/log/unattended-upgrades/*.log",
    ),
    why="Logs with times and host names. apt only appends to them, and makes missing ones.",
    reference="apt.conf(5), Dir::Log",
)
APT_CACHE = Normaliser(
    name="debian/apt-cache",
    action=Action.REVERT,
    paths=(b"var/cache/apt/pkgcache.bin", b"var/cache/apt/srcpkgcache.bin"),
    why="An index of the package lists with their times, in memory order. apt checks it against the"
    " lists before each use, and makes it anew.",
    reference="apt.conf(5), Dir::Cache",
)
APT_PARTIAL = Normaliser(
    name="debian/apt-partial",
    action=Action.REVERT,
    paths=(
        b"var/cache/apt/archives/lock",
        b"var/cache/apt/archives/partial/**",
        b"var/lib/apt/lists/lock",
        b"var/lib/apt/lists/partial/**",
    ),
    why="Downloads that were cut off, and the files that apt locks while it runs; it makes them"
    " anew.",
    reference="apt-get(8), FILES",
)
