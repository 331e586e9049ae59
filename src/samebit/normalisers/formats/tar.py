"""Tar archives that a step made."""

from __future__ import annotations

from samebit.formats.tar import MAGIC, MAGIC_AT, rewrite_tar
from samebit.formats.tar_members import is_header
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

TAR = Normaliser(
    name="formats/tar",
    action=Action.REWRITE,
    magic=((MAGIC_AT, MAGIC),),
    rewrite=with_epoch(rewrite_tar),
    why="Members get the epoch as their time, and what is in a directory is sorted by name. Owners,"
    " modes and content are kept, and so is the order of what is on the top.",
    reference="POSIX.1-2017, pax, ustar Interchange Format",
)

OLD_TAR = Normaliser(
    name="formats/tar-old",
    action=Action.REWRITE,
    paths=(b"**/*.tar",),
    accepts=lambda _entry, head: is_header(head),
    rewrite=with_epoch(rewrite_tar),
    # Behind that which knows an archive by its magic.
    rank=60,
    why="The same for archives of before POSIX, which Automake's `make dist` still writes; they are"
    " known by their name and the checksum of their first header.",
    reference="Seventh Edition UNIX, tar(5); Automake manual, tar-v7",
)
