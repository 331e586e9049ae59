"""What interactive programs remember in a home directory."""

from __future__ import annotations

from samebit.normalisers.protocol import Action, Normaliser

_NAMES = (
    b".ash_history",
    b".bash_history",
    b".gdb_history",
    b".lesshst",
    b".mysql_history",
    b".node_repl_history",
    b".php_history",
    b".psql_history",
    b".python_history",
    b".rediscli_history",
    b".sh_history",
    b".sqlite_history",
    b".viminfo",
    b".wget-hsts",
    b".zsh_history",
    b".local/state/less/history",
    b".local/share/wget/hsts",
)

HISTORIES = Normaliser(
    name="system/histories",
    action=Action.REVERT,
    paths=tuple(home + name for name in _NAMES for home in (b"root/", b"home/*/")),
    why="What was typed or visited, with times. The programs start with an empty history.",
    reference="bash(1), HISTFILE; wget(1), --hsts-file; viminfo in Vim's starting.txt",
)
