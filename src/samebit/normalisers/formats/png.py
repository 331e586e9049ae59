"""PNG images that a step made."""

from __future__ import annotations

from samebit.formats.png import MAGIC, rewrite_png
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

PNG = Normaliser(
    name="formats/png",
    action=Action.REWRITE,
    magic=((0, MAGIC),),
    rewrite=with_epoch(rewrite_png),
    why="The last-change time and dates in text chunks become the epoch; pixels and colours are"
    " in other chunks.",
    reference="PNG specification, 11.3.6.1 tIME; strip-nondeterminism, png",
)
