"""gzip files, and tar archives inside of them."""

from __future__ import annotations

from samebit.formats.gzip import MAGIC
from samebit.formats.tar_gz import rewrite_gzip_or_tar
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

GZIP = Normaliser(
    name="formats/gzip",
    action=Action.REWRITE,
    magic=((0, MAGIC),),
    # Alpine's packages are several gzip members, the first of which signs the others.
    accepts=lambda entry, _head: not entry.path.endswith(b".apk"),
    rewrite=with_epoch(rewrite_gzip_or_tar),
    why="The header's time and name, which only `gunzip -N` uses, go. A tar archive inside gets the"
    " epoch as the time of its members and is compressed again, in one member.",
    reference="RFC 1952; strip-nondeterminism, gzip",
)
