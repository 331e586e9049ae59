"""RubyGems: what building native extensions leaves behind."""

from __future__ import annotations

from samebit.formats.lines import rewrite_dates
from samebit.normalisers.adapt import with_epoch
from samebit.normalisers.protocol import Action, Normaliser

EXTENSION_LOGS = Normaliser(
    name="ruby/extension-logs",
    action=Action.REMOVE,
    paths=(
        b"**/extensions/**/gem_make.out",
        b"**/extensions/**/mkmf.log",
        b"**/gems/**/ext/**/mkmf.log",
    ),
    why="Logs with names of temporary directories and processes. The mark that an extension was"
    " built, gem.build_complete, stays.",
    reference="RubyGems, Gem::Ext::Builder",
)

EXTENSION_MAKEFILES = Normaliser(
    name="ruby/extension-makefiles",
    action=Action.REWRITE,
    paths=(b"**/gems/*/ext/**/Makefile",),
    rewrite=with_epoch(
        rewrite_dates(
            (
                rb"^(site(?:arch|lib)dir = \$\(DESTDIR\)\./\.gem\.)\d{8}-\d+-[0-9a-z]+$",
                lambda _epoch: b"00000000-0-0",
            )
        )
    ),
    why="The name of a temporary directory that is gone; the extension is installed elsewhere.",
    reference="RubyGems, Gem::Ext::ExtConfBuilder",
)
