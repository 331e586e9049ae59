"""The causes as a document (docs/causes.md), from the causes themselves."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator

from samebit.explain import causes, entries, noise
from samebit.model.explanation import Cause

_HEAD = """\
# Causes

Written by `tools/cause-docs` from `src/samebit/explain`; do not edit. `samebit diff` and `samebit
verify` name them for every file that differs, with the bytes that show it and how sure it is:

- **certain**: the differing bytes decode to values that each belong to their own build, or the
  format says what the field is;
- **likely**: they have the shape or the name, and nothing says otherwise;
- **possible**: one of several readings.

What is known about the builds (`samebit verify` knows all of it) makes causes certain or rules them
out. Nothing is named where nothing fits: then it says how many places have no known cause.

"""


def document() -> str:
    """Give the whole page."""
    parts = [_HEAD]
    group = ""
    for cause in _causes():
        first = cause.name.partition("/")[0]
        if first != group:
            group = first
            parts.append(f"## {group}\n\n")
        axis = f" Shown by the axis `{cause.axis}`." if cause.axis else ""
        what = cause.what[:1].upper() + cause.what[1:]
        parts.append(
            f"### `{cause.name}`\n\n{what}.{axis}\n\nFix: {cause.fix}.\n\n<{cause.reference}>\n\n"
        )
    return "".join(parts).rstrip() + "\n"


def _causes() -> list[Cause]:
    """Give one of each name; one without a place in the code is one too many."""
    found: dict[str, Cause] = {}
    for module in pkgutil.iter_modules(causes.__path__, f"{causes.__name__}."):
        for value in vars(importlib.import_module(module.name)).values():
            for cause in _held(value):
                found.setdefault(cause.name, cause)
    for value in (*vars(entries).values(), *vars(noise).values()):
        for cause in _held(value):
            found.setdefault(cause.name, cause)
    return [cause for _, cause in sorted(found.items())]


def _held(value: object) -> Iterator[Cause]:
    if isinstance(value, Cause):
        yield value
    elif isinstance(value, tuple):
        yield from (one for one in value if isinstance(one, Cause))
    else:
        cause = getattr(value, "cause", None)
        if isinstance(cause, Cause):
            yield cause
