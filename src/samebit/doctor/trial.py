"""Trying a program: its exit code and last words, within a time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a command: `reason` is empty if it succeeded, `output` what it printed."""

    output: str
    reason: str

    @property
    def worked(self) -> bool:
        """Whether it ended with exit code 0."""
        return not self.reason


def attempt(
    *command: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Trial:
    """Run a command to its end, for two minutes at most; never raises for its failure."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C.UTF-8", **(environment or {})},
        )
    except subprocess.TimeoutExpired:
        return Trial("", f"no answer within {_SECONDS:.0f} s")
    except OSError as error:
        return Trial("", error.strerror or str(error))
    if done.returncode == 0:
        return Trial(done.stdout, "")
    return Trial(done.stdout, last_words(done.stderr or done.stdout) or f"exit {done.returncode}")


def last_words(text: str) -> str:
    """Give the last line that a program printed."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:400] if lines else ""
