"""What diffoscope sees in two files, where it is installed: samebit never needs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from samebit.engines.machine import install_advice
from samebit.model.escaped import escaped
from samebit.store.failure import machine_errors

_SECONDS = 120
# Of each report; what is longer says more by its first lines than anybody reads.
_BYTES = 200_000


@dataclass(frozen=True, slots=True)
class DeepView:
    """diffoscope at `program`, with copies of files below the private folder `directory`."""

    program: str
    directory: Path

    def look(self, path: bytes, a: BinaryIO, b: BinaryIO) -> tuple[str, ...]:
        """Give the lines of its report about two open files, or why there is none."""
        with tempfile.TemporaryDirectory(prefix="deep-", dir=self.directory) as folder:
            # It tells some formats by the name.
            name = os.fsdecode(path.rpartition(b"/")[2])
            for side, file in (("a", a), ("b", b)):
                with machine_errors(f"cannot keep temporary files in {self.directory}"):
                    (Path(folder) / side).mkdir()
                    os.link(file.name, Path(folder) / side / name)
            return self._report(Path(folder), name)

    def _report(self, folder: Path, name: str) -> tuple[str, ...]:
        options = ("--no-progress", f"--max-text-report-size={_BYTES}", "--text=-")
        try:
            done = subprocess.run(
                [self.program, *options, f"a/{name}", f"b/{name}"],
                cwd=folder,
                capture_output=True,
                check=False,
                encoding="utf-8",
                errors="surrogateescape",
                env={
                    "PATH": os.environ.get("PATH", ""),
                    "HOME": str(folder),
                    "TMPDIR": str(folder),
                    "LC_ALL": "C.UTF-8",
                    "TZ": "UTC",
                },
                stdin=subprocess.DEVNULL,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return (f"diffoscope did not end within {_SECONDS} s",)
        # 0 and 1: it saw no difference, or one.
        if done.returncode not in {0, 1}:
            last = (done.stderr.strip().splitlines() or ["without a word"])[-1]
            return (f"diffoscope failed: {escaped(last)}",)
        return tuple(escaped(line) for line in done.stdout.splitlines())


def find_diffoscope() -> str | None:
    """Give the path of the program; None where it is not installed."""
    return shutil.which("diffoscope")


def missing() -> str:
    """Say what is missing for a deep view, and how to get it."""
    advice = install_advice("diffoscope-minimal")
    return f"diffoscope is not installed, so there is no deep view; {advice}"
