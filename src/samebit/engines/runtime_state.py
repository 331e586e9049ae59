"""Where an OCI runtime keeps its containers: a folder for each build, so that none is forgotten."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

_PROGRAM = "program"
_SECONDS = 30


class RuntimeState:
    """The folder of one build; samebit's, and cleared when the build or its successor ends."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create(self, runtime: str) -> None:
        """Make the folder for the containers of `runtime`."""
        self.containers.mkdir(parents=True)
        (self.folder / _PROGRAM).write_text(runtime, "utf-8")

    @property
    def containers(self) -> Path:
        """What the runtime is given as --root."""
        return self.folder / "containers"

    def clear(self) -> None:
        """End every container that is left, and remove the folder."""
        try:
            runtime = (self.folder / _PROGRAM).read_text("utf-8")
            names = sorted(os.listdir(self.containers))
        except OSError:
            names = []
        for name in names:
            command = [runtime, "--root", str(self.containers), "delete", "--force", name]
            try:
                subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_SECONDS,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired):
                # What is left keeps its state, so that the next one can try again.
                return
        shutil.rmtree(self.folder, ignore_errors=True)
