"""cpio archives: initramfs and the like, not compressed."""

from __future__ import annotations

from samebit.formats.cpio import MAGICS, rewrite_cpio
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

CPIO = Normaliser(
    name="formats/cpio",
    action=Action.REWRITE,
    magic=tuple((0, magic) for magic in MAGICS),
    rewrite=with_epoch(rewrite_cpio),
    why="Members get the epoch as their time and inode numbers counted from 1, which still show"
    " which of them are hard links; what is in a directory is sorted by name.",
    reference="cpio(5); cpio(1), --reproducible; strip-nondeterminism, cpio",
)
