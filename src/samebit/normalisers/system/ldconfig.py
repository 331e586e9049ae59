"""ldconfig's auxiliary cache."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

AUX_CACHE = Normaliser(
    name="system/ldconfig-aux-cache",
    action=Action.REVERT,
    paths=(b"var/cache/ldconfig/aux-cache",),
    why="Inode numbers and times of libraries, by which the next ldconfig run saves reading them."
    " The linker's own cache is another file, and stays.",
    reference="glibc, elf/cache.c",
)
