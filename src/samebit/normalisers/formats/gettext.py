"""Message catalogues."""

from __future__ import annotations

from samebit.formats.gettext import BIG, LITTLE, po_date, rewrite_mo
from samebit.formats.lines import rewrite_dates
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

# Translators' own date, PO-Revision-Date, is text that a person wrote.
MESSAGE_SOURCES = Normaliser(
    name="formats/gettext-source",
    action=Action.REWRITE,
    paths=(b"**/*.po", b"**/*.pot"),
    rewrite=with_epoch(
        rewrite_dates(
            (
                rb'^("POT-Creation-Date: )\d{4}-\d\d-\d\d \d\d:\d\d[+-]\d{4}(?=\\n"$)',
                po_date,
            )
        )
    ),
    why="When xgettext ran over the sources; gettext's tools copy the date and use it for nothing.",
    reference="GNU gettext manual, Header Entry",
)
