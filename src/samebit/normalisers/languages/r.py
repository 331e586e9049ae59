"""R: when a package was built."""

from __future__ import annotations

from samebit.formats.lines import rewrite_dates, sql_date
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

DESCRIPTION = Normaliser(
    name="r/description",
    action=Action.REWRITE,
    paths=(b"**/R/**/DESCRIPTION", b"**/site-library/*/DESCRIPTION"),
    rewrite=with_epoch(
        rewrite_dates(
            (
                rb"^(Built: R [^\n;]+; [^\n;]*; )\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= UTC;)",
                sql_date,
            )
        )
    ),
    why="The moment of installation; R compares the version that stands before it.",
    reference="R Installation and Administration, 6.3; R CMD INSTALL, --built-timestamp",
)
