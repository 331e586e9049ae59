"""dpkg's and debconf's logs and backup copies."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

DPKG_LOG = Normaliser(
    name="debian/dpkg-log",
    action=Action.REVERT,
    paths=(b"var/log/dpkg.log",),
    why="A log of when packages were installed. dpkg only appends to it and makes a new one.",
    reference="dpkg(1), FILES",
)
