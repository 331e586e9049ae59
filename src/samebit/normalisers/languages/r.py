"""R: when a package was packed and installed."""

from __future__ import annotations

from samebit.formats.lines import rewrite_dates, sql_date
from samebit.formats.rds import rewrite_package_rds
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

_DATE = rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?= UTC;)"

DESCRIPTION = Normaliser(
    name="r/description",
    action=Action.REWRITE,
    paths=(b"**/R/**/DESCRIPTION", b"**/site-library/*/DESCRIPTION"),
    rewrite=with_epoch(
        rewrite_dates(
            (rb"^(Built: R [^\n;]+; [^\n;]*; )" + _DATE, sql_date),
            (rb"^(Packaged: )" + _DATE, sql_date),
        )
    ),
    why="The moments of packing and installing; R compares the version that stands before them.",
    reference="R Installation and Administration, 6.3; R CMD INSTALL, --built-timestamp",
)

PACKAGE_OBJECT = Normaliser(
    name="r/package-object",
    action=Action.REWRITE,
    paths=(b"**/Meta/package.rds",),
    magic=((0, b"\x1f\x8b\x08"),),
    rank=40,
    rewrite=with_epoch(rewrite_package_rds),
    why="The same moments in the description that R loads; the object is otherwise the same.",
    reference="R Internals, 1.8 Serialization Formats",
)
