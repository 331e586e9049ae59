"""Compiled message catalogues."""

from __future__ import annotations

from samebit.formats.gettext import BIG, LITTLE, rewrite_mo
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

MESSAGES = Normaliser(
    name="formats/gettext",
    action=Action.REWRITE,
    paths=(b"**/*.mo", b"**/*.gmo"),
    magic=((0, LITTLE), (0, BIG)),
    rewrite=with_epoch(rewrite_mo),
    why="Two dates in the catalogue's description of itself become the epoch; no message and no"
    " offset changes.",
    reference="GNU gettext manual, The Format of GNU MO Files; strip-nondeterminism, gettext",
)
