"""CPAN: the log of installations, and build directories."""

from __future__ import annotations

from samebit.formats.lines import asctime, rewrite_dates
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

INSTALLED_LOG = Normaliser(
    name="perl/perllocal",
    action=Action.REWRITE,
    paths=(b"**/perllocal.pod",),
    rewrite=with_epoch(
        rewrite_dates((rb"^(=head2 )\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}(?=:)", asctime))
    ),
    why="The dates of headings in a page of documentation that lists installed modules.",
    reference="ExtUtils::Install, perllocal.pod",
)

BUILD_DEBRIS = Normaliser(
    name="perl/build-debris",
    action=Action.REMOVE,
    paths=(
        b"**/.cpan/build/**",
        b"**/.cpan/Metadata",
        b"**/.cpan/FTPstats.yml",
        b"**/.cpanm/work/**",
        b"**/.cpanm/build.log",
        b"**/.cpanm/latest-build",
    ),
    why="Unpacked sources and logs of modules that are installed elsewhere.",
    reference="CPAN, build_dir; App::cpanminus",
)
