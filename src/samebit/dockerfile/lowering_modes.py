"""`--chmod` of COPY and ADD: octal or symbolic (Dockerfile reference, "COPY --chmod").

Symbolic modes follow chmod(1) with a umask of 0: a clause without `ugoa` is for everyone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_OCTAL = re.compile(r"[0-7]+\Z")
_CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)\Z")
_ACTION = re.compile(r"([-+=])([ugo]|[rwxXst]*)")
_SHIFT = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 0o4, "w": 0o2, "x": 0o1}


class ModeError(ValueError):
    """A --chmod value that is neither octal up to 7777 nor symbolic."""


@dataclass(frozen=True, slots=True)
class ModeChange:
    """What `--chmod` does: `octal` is set when it replaces the mode, else `clauses` edit it."""

    octal: int | None
    clauses: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()

    def apply(self, mode: int, *, directory: bool) -> int:
        """Give the new mode bits (07777) of a file or directory that has `mode` now."""
        if self.octal is not None:
            return self.octal
        for who, actions in self.clauses:
            for operator, permissions in actions:
                mode = _apply(mode, who, operator, permissions, directory=directory)
        return mode


def parse_chmod(text: str) -> ModeChange:
    """Read the expanded value of --chmod; raises ModeError."""
    if _OCTAL.match(text):
        value = int(text, 8) if len(text) < 12 else 0o10000
        if value > 0o7777:
            raise ModeError(f"--chmod={text}: expected an octal number up to 7777")
        return ModeChange(value)
    clauses = []
    for clause in text.split(","):
        match = _CLAUSE.match(clause)
        if match is None:
            raise ModeError(
                f"--chmod={text}: expected an octal number such as 755, or changes such as u+x"
            )
        actions = tuple((m[1], m[2]) for m in _ACTION.finditer(match[2]))
        clauses.append((match[1] or "a", actions))
    return ModeChange(None, tuple(clauses))


def _apply(mode: int, who: str, operator: str, permissions: str, *, directory: bool) -> int:
    classes = "ugo" if "a" in who else who
    mask = bits = 0
    for name in classes:
        mask |= 0o7 << _SHIFT[name]
        bits |= _wanted(mode, permissions, directory=directory) << _SHIFT[name]
    special = 0
    if "s" in permissions:
        special |= (0o4000 if "u" in classes else 0) | (0o2000 if "g" in classes else 0)
    if "t" in permissions and "o" in classes:
        special |= 0o1000
    if operator == "+":
        return mode | bits | special
    if operator == "-":
        return mode & ~(bits | special)
    if not directory:
        # On directories these bits survive `=`, as in chmod(1).
        mask |= (0o4000 if "u" in classes else 0) | (0o2000 if "g" in classes else 0)
    return mode & ~mask | bits | special


def _wanted(mode: int, permissions: str, *, directory: bool) -> int:
    if permissions in ("u", "g", "o") and permissions:
        return mode >> _SHIFT[permissions] & 0o7
    bits = 0
    for letter in permissions:
        bits |= _BITS.get(letter, 0)
        if letter == "X" and (directory or mode & 0o111):
            bits |= 0o1
    return bits
