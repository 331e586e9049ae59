"""PHP archives."""

from __future__ import annotations

from samebit.formats.phar import rewrite_phar
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

PHAR = Normaliser(
    name="formats/phar",
    action=Action.REWRITE,
    paths=(b"**/*.phar",),
    accepts=lambda _entry, head: head.startswith((b"<?php", b"#!")),
    rewrite=with_epoch(rewrite_phar),
    why="Members get the epoch as their time and the checksum is right; archives signed with a key"
    " are left alone.",
    reference="PHP manual, Phar file format",
)
