"""What git knows about the build context: untracked files in it, and its last commit's time."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from samebit.context.git_program import git
from samebit.context.stage import ContextEntry, ContextKind
from samebit.errors import MachineError, Place
from samebit.model.finding import Finding

_SHOWN = 10


def untracked_findings(context: Path, entries: Iterable[ContextEntry]) -> tuple[Finding, ...]:
    """Warn of files that would enter the build and that a fresh checkout would not have.

    `entries` are those of the staged context. Gives at most one finding, and none when the context
    is not in a git work tree or there is no git.
    """
    tracked = _tracked(context)
    if tracked is None:
        return ()
    strangers = sorted(
        entry.path
        for entry in entries
        if entry.kind is not ContextKind.DIRECTORY and entry.path not in tracked
    )
    if not strangers:
        return ()
    shown = ", ".join(_printable(path) for path in strangers[:_SHOWN])
    more = f" and {len(strangers) - _SHOWN} more" if len(strangers) > _SHOWN else ""
    count = "1 file" if len(strangers) == 1 else f"{len(strangers)} files"
    return (
        Finding(
            "untracked-context",
            f"{count} that git does not track would enter the build: {shown}{more}",
            Place(str(context)),
            "commit them, or name them in .dockerignore: a fresh checkout does not have them",
        ),
    )


def commit_time(context: Path) -> int | None:
    """Give the time of the last commit that touches the context, in seconds since 1970.

    None without git, outside a work tree, or before the first commit.
    """
    output = _output(context, "log", "-1", "--format=%ct", "--", ".")
    return int(output) if output is not None and output.strip().isdigit() else None


def _tracked(context: Path) -> frozenset[bytes] | None:
    listing = _output(context, "ls-files", "-z", "--recurse-submodules")
    if listing is None:
        return None
    return frozenset(listing.split(b"\0"))


def _output(context: Path, *arguments: str) -> bytes | None:
    try:
        result = git(context, *arguments)
    except (MachineError, OSError):
        return None
    return result.stdout if result.returncode == 0 else None


def _printable(path: bytes) -> str:
    text = os.fsdecode(path)
    return text if text.isprintable() else repr(text)
