"""How two locks differ, for people: one line a change, and Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from samebit.model.escaped import escaped
from samebit.model.lock_difference import ChangeKind, InputChange, LockDifference

_HEADINGS = {
    ChangeKind.SUSPICIOUS: "Suspicious: other bytes under the same name",
    ChangeKind.ADDED: "Added",
    ChangeKind.REMOVED: "Removed",
    ChangeKind.UPGRADED: "Upgraded",
    ChangeKind.DOWNGRADED: "Downgraded",
    ChangeKind.CHANGED: "Changed",
    ChangeKind.MOVED: "Moved indexes, redirects and answers",
}
_MARKDOWN = str.maketrans({c: f"\\{c}" for c in r"\`*_{}[]<>#|~@"})


def lock_diff_lines(difference: LockDifference) -> Iterator[str]:
    """Give a line for each change: what happened, the ecosystem, the name, old and new."""
    suspicious = difference.of_kind(ChangeKind.SUSPICIOUS)
    yield from map(_line, suspicious)
    for setting in difference.settings:
        old, new = setting.old, setting.new
        kind = "added" if old is None else "removed" if new is None else "changed"
        sides = " -> ".join(escaped(text) for text in (old, new) if text is not None)
        yield f"{kind} setting {escaped(setting.subject)}: {sides}"
    for change in difference.inputs:
        if change.kind is not ChangeKind.SUSPICIOUS:
            yield _line(change)
    if difference.details:
        yield _details(difference.details)


def lock_diff_markdown(difference: LockDifference) -> Iterator[str]:
    """Give the lines of a Markdown text (CommonMark with GitHub's tables)."""
    if difference.identical:
        yield "The locks are the same."
        return
    first = True
    for kind in ChangeKind:
        changes = difference.of_kind(kind)
        if not changes:
            continue
        yield from () if first else ("",)
        first = False
        yield f"### {_HEADINGS[kind]}"
        yield ""
        if kind is ChangeKind.MOVED:
            yield from (f"- {_cell(change.name)}" for change in changes)
            continue
        yield "| | Name | Before | After |"
        yield "|---|---|---|---|"
        for change in changes:
            where = "".join(f"<br>{_cell(url)}" for url in change.urls if url != change.name)
            sides = (_cell(", ".join(versions)) for versions in (change.old, change.new))
            yield f"| {change.ecosystem} | {_cell(change.name)}{where} | {' | '.join(sides)} |"
    if difference.settings:
        yield from () if first else ("",)
        yield "### Settings of the lock"
        yield ""
        yield "| Setting | Before | After |"
        yield "|---|---|---|"
        for setting in difference.settings:
            sides = (_cell(text or "") for text in (setting.old, setting.new))
            yield f"| {_cell(setting.subject)} | {' | '.join(sides)} |"
        first = False
    if difference.details:
        yield from () if first else ("",)
        yield f"{_details(difference.details)}."


def _line(change: InputChange) -> str:
    sides = [", ".join(map(escaped, versions)) for versions in (change.old, change.new)]
    text = f"{change.kind.value} {change.ecosystem} {escaped(change.name)}"
    shown = " -> ".join(side for side in sides if side)
    text += f" {shown}" if shown else ""
    if change.urls and change.urls != (change.name,):
        text += f" ({', '.join(map(escaped, change.urls))})"
    return text


def _details(count: int) -> str:
    more = "1 more fetch differs" if count == 1 else f"{count} more fetches differ"
    return f"{more}: indexes asked for or not, headers, steps or platforms"


def _cell(text: str) -> str:
    """Write text so that nothing in it is taken for Markdown, mentions of people included."""
    return escaped(text).translate(_MARKDOWN)
