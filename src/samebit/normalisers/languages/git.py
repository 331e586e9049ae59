"""git's log of where branches were."""

from __future__ import annotations

from samebit.formats.lines import git_date, rewrite_dates
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

REFLOG = Normaliser(
    name="git/reflog",
    action=Action.REWRITE,
    paths=(b"**/.git/logs/**", b"**/.git/modules/**/logs/**"),
    rewrite=with_epoch(
        rewrite_dates(
            (rb"^([0-9a-f]{40,64} [0-9a-f]{40,64} [^\n]*?> )\d{9,11} [+-]\d{4}(?=\t|$)", git_date)
        )
    ),
    why="When a branch was moved. What it was moved from and to, which `git reflog` and `stash`"
    " need, stays.",
    reference="gitrepository-layout(5), logs; git-reflog(1)",
)
