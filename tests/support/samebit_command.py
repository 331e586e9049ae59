"""The real `samebit` command, run as a user runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

# Nothing of the developer's own shell may decide how a test ends.
_DROPPED = (
    "SOURCE_DATE_EPOCH",
    "SAMEBIT_ENGINE",
    "SAMEBIT_OTHER_ENGINE",
    "SAMEBIT_STORAGE_DRIVER",
    "REGISTRY_AUTH_FILE",
)


@dataclass(frozen=True)
class Samebit:
    """Runs the `samebit` command with one state folder."""

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    # A command that takes the command line as its last arguments.
    prefix: tuple[str, ...] = ()

    def run(
        self,
        *arguments: str | Path,
        cwd: Path | None = None,
        timeout: float = 3600,
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command line of at most `timeout` s; gives its exit code, stdout and stderr."""
        inherited = {key: value for key, value in os.environ.items() if key not in _DROPPED}
        if "SAMEBIT_TEST_ENGINE" in os.environ:
            # Where a test runs other tests over another engine.
            inherited["SAMEBIT_ENGINE"] = os.environ["SAMEBIT_TEST_ENGINE"]
        return subprocess.run(
            [*self.prefix, sys.executable, "-m", "samebit.cli", *map(str, arguments)],
            cwd=cwd,
            env={
                **inherited,
                **self.environment,
                **environment,
                "SAMEBIT_HOME": str(self.home),
            },
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
        )

    def build(self, *arguments: str | Path, cwd: Path | None = None, **environment: str) -> str:
        """Build, expect success, and give the digest: the only line on stdout."""
        done = self.run("build", "--progress", "plain", *arguments, cwd=cwd, **environment)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("sha256:"), done.stdout
        assert done.stdout.count("\n") == 1
        return done.stdout.strip()

    def with_home(self, home: Path) -> Samebit:
        """Give the same command with another, empty state folder."""
        return replace(self, home=home)

    def with_cold_engine(self, home: Path) -> Samebit:
        """Give it a new state folder that has the same blobs but whose engine has never run."""
        home.mkdir()
        shutil.copytree(self.home / "store", home / "store", copy_function=os.link)
        return self.with_home(home)
