"""Something a person should know about their build: a warning with a place and a fix."""

from __future__ import annotations

from dataclasses import dataclass

from samebit.errors import Place


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is stable and documented, `what` is one sentence, `fix` says what to do."""

    code: str
    what: str
    where: Place | None = None
    fix: str | None = None
