"""Every error samebit raises on purpose: a stable code, what, where, what to do, an exit code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Place:
    """A position in a file a person wrote: path as the user named it, 1-based line and column."""

    path: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        parts = [self.path]
        if self.line is not None:
            parts.append(str(self.line))
            if self.column is not None:
                parts.append(str(self.column))
        return ":".join(parts)


class SamebitError(Exception):
    """Base of all expected failures.

    `code` is stable and documented; `exit_code` is what the command line returns. `what` says what
    happened, `where` is the place in the user's file, `fix` tells what to do about it, `detail`
    holds further lines (the end of a failing step's output).
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 2

    def __init__(
        self,
        what: str,
        *,
        where: Place | None = None,
        fix: str | None = None,
        detail: str | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class UsageError(SamebitError):
    """The command, its options, samebit.toml or the lock file cannot be understood."""

    code = "usage"
    exit_code = 2


class DockerfileError(SamebitError):
    """The Dockerfile is missing, malformed, or refers to something that does not exist."""

    code = "dockerfile"
    exit_code = 2


class BuildFailedError(SamebitError):
    """A step of the Dockerfile failed in the engine."""

    code = "build-failed"
    exit_code = 3


class LockError(SamebitError):
    """The lock is stale, or an input that it must hold is missing from it."""

    code = "lock"
    exit_code = 4


class InputError(SamebitError):
    """An input (base image, blob, fetched file, archive) is corrupt or unavailable."""

    code = "input"
    exit_code = 5


class MachineError(SamebitError):
    """The machine or the engine lacks something that this build needs."""

    code = "machine"
    exit_code = 6


class InternalError(SamebitError):
    """A bug of ours: an invariant that samebit itself must keep does not hold."""

    code = "internal"
    exit_code = 70
