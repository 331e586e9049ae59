"""Tar archives that a step made."""

from __future__ import annotations

from samebit.formats.tar import MAGIC, MAGIC_AT, rewrite_tar
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

TAR = Normaliser(
    name="formats/tar",
    action=Action.REWRITE,
    magic=((MAGIC_AT, MAGIC),),
    rewrite=with_epoch(rewrite_tar),
    why="Members get the epoch as their time. Order, owners, modes and content are kept.",
    reference="POSIX.1-2017, pax, ustar Interchange Format",
)
