"""Why a registry did not serve what was asked; a registry that lies is a plain InputError."""

from __future__ import annotations

from samebit.errors import InputError


class UnservedError(InputError):
    """A registry did not serve something, so that a mirror or a next candidate may be asked."""


class NotFoundError(UnservedError):
    """The registry says that it does not have the repository, manifest or blob."""


class DeniedError(UnservedError):
    """The registry wants credentials, or refuses the ones it was given."""


class UnavailableError(UnservedError):
    """The registry cannot be reached, or keeps failing."""


def printable(text: str, limit: int = 300) -> str:
    """Make a server's text safe to show: one line, no control characters, bounded."""
    kept = "".join(c if c.isprintable() else " " for c in text[: limit * 4])
    line = " ".join(kept.split())
    return line if len(line) <= limit else line[:limit] + "…"
