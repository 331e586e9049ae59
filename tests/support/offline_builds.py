"""Recording a context once, and building it again where there is no network at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from samebit_command import Samebit

_LOOPBACK_ONLY = 'ip link set lo up; exec "$@"'


def offline(samebit: Samebit, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command line of samebit in a network namespace with nothing but loopback."""
    command = [sys.executable, "-m", "samebit.cli", *map(str, arguments)]
    return subprocess.run(
        ["unshare", "-n", "sh", "-c", _LOOPBACK_ONLY, "sh", *command],
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        env={**os.environ, "SAMEBIT_HOME": str(samebit.home)},
    )


def record_and_replay(samebit: Samebit, context: Path, *options: str) -> list[str]:
    """Record once, then build twice without a network; gives the three digests.

    The first replay has an engine that has never run, the second one that has. A miss would be
    exit 4, so what comes back had none. The options are the recording's.
    """
    digests = [samebit.build("--no-cache", *options, context)]
    cold = samebit.with_cold_engine(context.with_name(f"{context.name}-home"))
    for _ in range(2):
        done = offline(cold, "build", "--progress", "plain", "--no-cache", "--locked", context)
        assert done.returncode == 0, done.stderr
        digests.append(done.stdout.strip())
    assert (context / "Dockerfile.lock").read_text().count("[[fetch]]") > 0
    return digests
