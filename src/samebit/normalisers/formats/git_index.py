"""The index of git repositories that a step cloned or made."""

from __future__ import annotations

from samebit.formats.git_index import MAGIC, rewrite_git_index
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

GIT_INDEX = Normaliser(
    name="git/index",
    action=Action.REWRITE,
    paths=(b"**/.git/index", b"**/.git/modules/**/index"),
    magic=((0, MAGIC),),
    rewrite=with_epoch(rewrite_git_index),
    why="Times, inodes and owners of the checkout become zero: in an image they are others anyway,"
    " so git compares contents at its next look, as it has to without this.",
    reference="gitformat-index(5); Documentation/technical/racy-git.txt",
)
