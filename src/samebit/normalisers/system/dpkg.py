"""dpkg's, debconf's and the bootstrap's logs and backup copies."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

DPKG_LOG = Normaliser(
    name="debian/dpkg-log",
    action=Action.REVERT,
    paths=(b"var/log/dpkg.log",),
    why="A log of when packages were installed. dpkg only appends to it, and makes a missing one.",
    reference="dpkg(1), --log",
)
ALTERNATIVES_LOG = Normaliser(
    name="debian/alternatives-log",
    action=Action.REVERT,
    paths=(b"var/log/alternatives.log",),
    why="A log with times. update-alternatives only appends to it, and makes a missing one.",
    reference="update-alternatives(1), --log",
)
BOOTSTRAP_LOG = Normaliser(
    name="debian/bootstrap-log",
    action=Action.REVERT,
    paths=(b"var/log/bootstrap.log",),
    why="What debootstrap printed. No program reads it.",
    reference="debootstrap(8)",
)
DPKG_OLD = Normaliser(
    name="debian/dpkg-old",
    action=Action.REVERT,
    paths=(b"var/lib/dpkg/*-old", b"var/lib/dpkg/lock", b"var/lib/dpkg/lock-frontend"),
    why="Copies from before dpkg's last write, for a person who has to repair the database, and the"
    " files that dpkg locks while it runs; it makes them anew.",
    reference="dpkg(1), FILES",
)
DEBCONF_OLD = Normaliser(
    name="debian/debconf-old",
    action=Action.REVERT,
    paths=(b"var/cache/debconf/*-old",),
    why="Copies from before debconf's last write. debconf never reads them.",
    reference="debconf.conf(5), Backup",
)
