"""The greatest memory and the CPU time that a `samebit` command and its programs took."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from samebit_command import Samebit

# On exec, Linux hands a program the peak of the process that started it (getrusage(2)): between the
# tests, which grow large, and the command there must be a small one.
_PROGRAM = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as out:
    out.write(f"{used.ru_maxrss << 10} {used.ru_utime + used.ru_stime}")
sys.exit(code)
"""


@dataclass(frozen=True)
class Usage:
    """`memory` is the largest resident set of any one of the programs, in bytes."""

    memory: int
    cpu_seconds: float


def measured(
    samebit: Samebit, *arguments: str | Path, **environment: str
) -> tuple[subprocess.CompletedProcess[str], Usage]:
    """Run a command line; gives how it ended and what it used."""
    report = samebit.home.with_name(f"{samebit.home.name}.usage")
    prefix = (sys.executable, "-c", _PROGRAM, str(report))
    done = replace(samebit, prefix=(*prefix, *samebit.prefix)).run(*arguments, **environment)
    memory, cpu = report.read_text().split()
    report.unlink()
    return done, Usage(int(memory), float(cpu))
