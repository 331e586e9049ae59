"""The machine's identity, which a package made while it was installed in the build."""

from __future__ import annotations

import re
from typing import BinaryIO

from samebit.image.entry import Entry
from samebit.normalisers.protocol import Action, Facts, Normaliser, Sink

_ID = re.compile(rb"[0-9a-f]{32}\n?")


def _is_id(_entry: Entry, head: bytes) -> bool:
    return _ID.fullmatch(head) is not None


def _empty(_source: BinaryIO, _size: int, _sink: Sink, _facts: Facts) -> bool:
    return True


MACHINE_ID = Normaliser(
    name="system/machine-id",
    action=Action.REWRITE,
    paths=(b"etc/machine-id",),
    accepts=_is_id,
    rewrite=_empty,
    made_here=True,
    why="An identity that all machines made from the image would share. Emptied: systemd and"
    " dbus-uuidgen then make one at the first start.",
    reference="machine-id(5), INITIALIZATION",
)
DBUS_MACHINE_ID = Normaliser(
    name="system/dbus-machine-id",
    action=Action.REVERT,
    paths=(b"var/lib/dbus/machine-id",),
    accepts=_is_id,
    why="The same identity where dbus keeps it; dbus reads /etc/machine-id when it is missing.",
    reference="dbus-uuidgen(1)",
)
