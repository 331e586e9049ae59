"""The cells of the matrix of engines: which engine, for whom, on which storage and runtime."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine_chroot import SUITES, crun_only, engine_of
from samebit_command import Samebit

DRIVERS = ("overlay", "vfs")
_NOT_BY_USER = "a chroot of another suite needs root here; see buildah 1.28 for ordinary users"
_OWN_SUITE = "Debian 12 has dockerd 20.10, whose BuildKit reads no OCI layouts"
_ROOT_ONLY = "dockerd needs root (docs/engines.md)"


@dataclass(frozen=True)
class Cell:
    """One cell; `reason` says why it cannot run at all."""

    engine: str
    suite: str
    user: str
    driver: str
    runtime: str
    reason: str = ""

    @property
    def columns(self) -> tuple[str, str, str, str]:
        """What the table says of it."""
        return (f"{self.engine} of {self.suite}", self.user, self.driver, self.runtime)

    @property
    def title(self) -> str:
        """All of it in a line."""
        return ", ".join(self.columns)

    def samebit(self, home: Path) -> Samebit:
        """Give the command; its state folder is `home`."""
        if self.runtime == "crun":
            return crun_only(home)
        engine = engine_of(self.suite, buildkit=self.engine == "buildkit")
        return engine.samebit(home, self.driver, self.engine)


def matrix_cells() -> list[Cell]:
    """Give every cell, those that cannot run here with the reason."""
    found = []
    for suite in SUITES:
        for driver in DRIVERS:
            found.append(Cell("buildah", suite, "root", driver, "runc"))
            reason = _OWN_SUITE if suite == SUITES[0] else ""
            found.append(Cell("buildkit", suite, "root", driver, "runc", reason))
            if suite != SUITES[0]:
                found.append(Cell("buildah", suite, "ordinary user", driver, "runc", _NOT_BY_USER))
            found.append(Cell("buildkit", suite, "ordinary user", driver, "runc", _ROOT_ONLY))
    found.append(Cell("buildah", SUITES[0], "root", "overlay", "crun"))
    return found


def outcome(cell: Cell, home: Path, work: Path, arguments: Sequence[str]) -> str:
    """Give the digest, or in one line why there is none."""
    own = work / "own home"
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir()
    # The same blobs, and an engine that has never run.
    shutil.copytree(home / "store", own / "store", copy_function=os.link)
    done = cell.samebit(own).run("build", "--progress=plain", *arguments)
    if done.returncode == 0:
        return done.stdout.strip()
    said = done.stderr.rpartition("error: ")[2].partition("\n  help: ")[0]
    return " ".join(said.replace("\n  |", "").replace("|", "/").split()) or "no digest"
