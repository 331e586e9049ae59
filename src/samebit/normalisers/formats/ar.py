"""Static libraries."""

from __future__ import annotations

from samebit.formats.ar import MAGIC, THIN_MAGIC, rewrite_ar
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

AR = Normaliser(
    name="formats/ar",
    action=Action.REWRITE,
    magic=((0, MAGIC), (0, THIN_MAGIC)),
    rewrite=with_epoch(rewrite_ar),
    why="Times, owners and modes of members become what `ar D` writes; linkers ignore them.",
    reference="ar(1), option D",
)
