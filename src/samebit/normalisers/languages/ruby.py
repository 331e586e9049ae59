"""RubyGems: logs of building native extensions."""

from __future__ import annotations

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
