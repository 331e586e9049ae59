"""`[normalise]`: which normalisers are off, what ships as it is, and rules of the project's own."""

from __future__ import annotations

import re
from typing import cast, get_args

from samebit.model.normalising import NormaliserChoices, PathRule, RuleAction
from samebit.model.toml_source import TomlTable, nearest

_NAME = re.compile(r"[a-z0-9*?-]+(/[a-z0-9*?-]+)?")
_ACTIONS: tuple[str, ...] = get_args(RuleAction)


def parse_normalise(table: TomlTable) -> NormaliserChoices:
    """Read the `[normalise]` table; raises UsageError with the line of what is wrong."""
    off = table.strings("off")
    for position, name in enumerate(off):
        if not _NAME.fullmatch(name):
            raise table.error(
                "is not a normaliser's name",
                "off",
                position,
                fix="names are like debian/dpkg-log, or debian/* for several",
            )
    keep = tuple(
        _path(table, "keep", text, position) for position, text in enumerate(table.strings("keep"))
    )
    rules = tuple(_rule(rule) for rule in table.tables("rule"))
    table.finish()
    return NormaliserChoices(off, keep, rules)


def _rule(table: TomlTable) -> PathRule:
    path = _path(table, "path", table.string("path"))
    action = table.string("action")
    if action not in _ACTIONS:
        raise table.error("is not an action", "action", fix=nearest(action, _ACTIONS, "use"))
    reason = table.string("reason")
    if not reason.strip():
        raise table.error("is empty", "reason", fix="say why the image is as good without it")
    table.finish()
    return PathRule(path, cast("RuleAction", action), reason)


def _path(table: TomlTable, name: str, text: str, *position: int) -> str:
    """Read a pattern of paths: absolute, as people write paths of an image."""
    parts = text.removeprefix("/").split("/")
    if not text.startswith("/") or "\0" in text or {"", ".", ".."} & set(parts):
        raise table.error(
            "is not a pattern of paths",
            name,
            *position,
            fix="write it from the root on, for example /var/log/*.log or /srv/**",
        )
    return "/".join(parts)
