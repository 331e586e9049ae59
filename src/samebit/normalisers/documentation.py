"""The reference of a normaliser set, docs/normalisers.md, made from the values themselves."""

from __future__ import annotations

from collections.abc import Iterable

from samebit.normalisers.protocol import Detector, Normaliser
from samebit.normalisers.registry import all_detectors, normaliser_set

_INTRODUCTION = """\
# Normalisers, set {number}

Made by `tools/normaliser-docs`; do not edit.

What RUN steps leave behind (logs, caches, times, locks) differs from build to build and serves
nobody. It is removed from the layer before it is written; no Dockerfile has to change. The lock
names the set by its number. A set never changes once it is released: `normalisers = 0` in an old
lock still means that nothing is normalised.

- Only what the build added or changed is looked at. What the Dockerfile removed stays removed.
- **revert** and **remove**: the entry vanishes from the layer. Where the base image has something
  at that path, that is what the image has; elsewhere nothing. (Revert is for paths that a base
  image usually has, remove for debris.) **rewrite**: the file has other content; its attributes
  stay.
- Of several names of one file (hard links) all go or none.
- A file is handled by one normaliser. One that is damaged, signed or of another kind than its name
  says ships as it is.
- `compare-only` normalisers never change what ships; `samebit diff` and `verify` use them.

`samebit build` tells on one line what it did, `--normalised` lists each file, `--json` gives both.
What to switch off, and rules of your own: [configuration.md](configuration.md).

Patterns: `*` is any part of a name, `?` one character, `**` any number of folders.
"""

_DETECTORS = """
## Secrets and randomness that nothing can repair

These are reported as warnings, with the line of the Dockerfile where only one can have made the
file, and are never changed or hidden. Their content is not shown.
"""


def document(number: int) -> str:
    """Describe set `number` in Markdown."""
    parts = [_INTRODUCTION.format(number=number)]
    group = ""
    for one in normaliser_set(number):
        name = one.name.partition("/")[0]
        if name != group:
            group = name
            parts.append(f"\n## {group}\n")
        parts.append(_normaliser(one))
    parts.append(_DETECTORS)
    parts += [_detector(one) for one in all_detectors()]
    return "".join(parts)


def _normaliser(one: Normaliser) -> str:
    action = one.action.value
    if one.scope.value != "write-safe":
        action += f", {one.scope.value}"
    lines = [f"\n### `{one.name}` ({action}, since set {one.since})\n", f"\n{one.why}\n", "\n"]
    lines += _where(one.paths, by_content=bool(one.magic))
    if one.accepts is not None or one.only is not None:
        lines.append("- Only where the name or the content is of that kind\n")
    if one.private:
        lines.append("- Only where nobody but its owner may read it\n")
    lines.append(f"- Reference: {one.reference}\n")
    return "".join(lines)


def _detector(one: Detector) -> str:
    lines = [f"\n### `{one.name}`\n", f"\nWhat to do: {one.fix}.\n", "\n"]
    lines += _where(one.paths, by_content=bool(one.magic))
    lines.append(f"- Reference: {one.reference}\n")
    return "".join(lines)


def _where(paths: Iterable[bytes], *, by_content: bool) -> list[str]:
    shown = ", ".join(f"`/{path.decode()}`" for path in paths) or "every file"
    return [f"- Where: {shown}{' (if its first bytes fit)' if by_content else ''}\n"]
