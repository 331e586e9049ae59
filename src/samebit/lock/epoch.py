"""The epoch: the one time that a canonical image shows, in seconds since 1970 (UTC).

Implements DESIGN "Epoch" and the SOURCE_DATE_EPOCH specification of reproducible-builds.org.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from samebit.errors import LockError, Place, UsageError
from samebit.lock.model import EPOCH_LIMIT, Lock
from samebit.model.finding import Finding

DEFAULT_EPOCH = 315619200
"""1980-01-02T00:00:00Z: zip files cannot say anything earlier in every time zone."""

_VARIABLE = "SOURCE_DATE_EPOCH"
_SECONDS = re.compile(r"[0-9]{1,20}")
_GIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Epoch:
    """A chosen epoch, where it comes from in words, and what kept a better one away, if so."""

    seconds: int
    source: str
    finding: Finding | None = None


def parse_epoch(text: str, name: str = _VARIABLE) -> int:
    """Read an epoch; raises UsageError unless it is decimal seconds that a tar header can hold."""
    if _SECONDS.fullmatch(text) and int(text) < EPOCH_LIMIT:
        return int(text)
    raise UsageError(
        f"{name} is {text[:40]!r}, not a number of seconds from 0 to {EPOCH_LIMIT - 1}",
        fix=f"set {name} to seconds since 1970, as `date +%s` prints them, or unset it",
    )


def choose_epoch(context: Path, environment: Mapping[str, str]) -> Epoch:
    """Choose the epoch for a new lock.

    SOURCE_DATE_EPOCH if set, else the time of the last git commit that touches the folder
    `context`, else 1980-01-02. Raises UsageError when SOURCE_DATE_EPOCH is not a valid time.
    """
    if _VARIABLE in environment:
        return Epoch(parse_epoch(environment[_VARIABLE]), _VARIABLE)
    commit = _last_commit(context, environment)
    if isinstance(commit, int):
        return Epoch(commit, "the last git commit that touches the context")
    return Epoch(DEFAULT_EPOCH, "the default, 1980-01-02", commit)


def locked_epoch(lock: Lock, environment: Mapping[str, str]) -> int:
    """Give the lock's epoch; raises LockError when SOURCE_DATE_EPOCH asks for another one."""
    if _VARIABLE in environment:
        wanted = parse_epoch(environment[_VARIABLE])
        if wanted != lock.epoch:
            raise LockError(
                f"{_VARIABLE} is {wanted}, but the lock says {lock.epoch}",
                fix=f"unset {_VARIABLE}, or record the new time with `samebit lock --update`",
            )
    return lock.epoch


def _last_commit(context: Path, environment: Mapping[str, str]) -> int | Finding | None:
    # GIT_DIR and its like (set inside hooks) would answer for another repository.
    clean = {k: v for k, v in environment.items() if not k.startswith("GIT_")}
    clean |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_NO_LAZY_FETCH": "1"}
    clean |= {"GIT_TERMINAL_PROMPT": "0"}
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH"):
        if name in environment:
            clean[name] = environment[name]
    command = ["git", "--no-pager", "-c", "core.fsmonitor=false", "log", "-1"]
    command += ["--no-show-signature", "--no-color", "--format=%ct", "--", "."]
    try:
        done = subprocess.run(
            command,
            cwd=context,
            env=clean,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode == 0:
        text = done.stdout.decode("ascii", "replace").strip()
        if _SECONDS.fullmatch(text) and int(text) < EPOCH_LIMIT:
            return int(text)
        return None
    # git does not run in a checkout of another user because its configuration could start
    # programs; going around that is the user's decision, not ours.
    if b"safe.directory" in done.stderr:
        return Finding(
            code="epoch-unsafe-directory",
            what="git refuses to read the context's history: another user owns the repository",
            where=Place(os.fspath(context)),
            fix="git config --global --add safe.directory <repository>, or set SOURCE_DATE_EPOCH",
        )
    return None
