"""Executables made by the compilers of this machine, for tests of what they carry."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from samebit.executables.inspect import Context, inspect, recognise
from samebit.executables.source import MemorySource
from samebit.model.executable import Executable
from samebit.toolchains.load import load_toolchains

RULES = load_toolchains().rules()
# What a developer's shell or settings would add to the flags under test.
_DROPPED = ("GOFLAGS", "CFLAGS", "CXXFLAGS", "LDFLAGS", "RUSTFLAGS", "SOURCE_DATE_EPOCH")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command that must succeed; gives its output."""
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**kept, "GOENV": "off", "LC_ALL": "C", **environment},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def facts_of(data: bytes | Path, path: str = "file", epoch: int | None = None) -> Executable:
    """Read a file as the audit does."""
    content = data.read_bytes() if isinstance(data, Path) else data
    known = recognise(content[:64], path.encode())
    assert known is not None
    return inspect(MemorySource(content), Context(path.encode(), RULES, epoch), known)


def found_in(facts: Executable) -> set[str]:
    """Give the codes of what was found."""
    return {trace.finding for trace in facts.traces}


def values_of(facts: Executable, code: str) -> list[str]:
    """Give the values found under a code."""
    return [trace.value for trace in facts.traces if trace.finding == code]
