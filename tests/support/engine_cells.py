"""The cells of the matrix of engines: which engine, for whom, on which storage and runtime."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine_chroot import SUITES, crun_only, engine_of, other_suites
from ordinary_user import can_read_this_checkout, give, new_folder, samebit_of_user
from samebit_command import Samebit

DRIVERS = ("overlay", "vfs")
USER = "ordinary user"
_NOT_BY_USER = "it runs in a chroot, where nobody can make a user namespace (unshare(2))"
_TOO_OLD = "Debian 12 has dockerd 20.10, whose BuildKit reads no OCI layouts"
_OWN_HOME = "own home"
# What builds beside this one are making.
_is_unfinished = shutil.ignore_patterns("tmp")
_ROOT_ONLY = "dockerd needs root (docs/engines.md)"
_NO_CHROOT = "containerd starts OCI runtimes only"


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
        engine = engine_of(self.suite)
        if self.runtime == "crun":
            return crun_only(home, engine, self.engine)
        command = engine.samebit(home, self.driver, self.engine)
        if self.user == USER:
            theirs = samebit_of_user(home)
            both = {**command.environment, **theirs.environment}
            command = replace(theirs, environment=both)
        isolation = {"SAMEBIT_ISOLATION": "chroot" if self.runtime == "chroot" else "oci"}
        if self.engine == "buildah":
            command = replace(command, environment={**command.environment, **isolation})
        return command


def matrix_cells() -> list[Cell]:
    """Give every cell, those that cannot run here with the reason."""
    found = []
    for suite in SUITES:
        ours = suite not in other_suites()
        too_old = _TOO_OLD if suite == "bookworm" else ""
        for driver in DRIVERS:
            for runtime in ("runc", "chroot"):
                found.append(Cell("buildah", suite, "root", driver, runtime))
                reason = "" if ours else _NOT_BY_USER
                found.append(Cell("buildah", suite, USER, driver, runtime, reason))
            found.append(Cell("buildkit", suite, "root", driver, "runc", too_old))
            found.append(Cell("buildkit", suite, USER, driver, "runc", too_old or _ROOT_ONLY))
        found.append(Cell("buildah", suite, "root", "overlay", "crun"))
        found.append(Cell("buildkit", suite, "root", "overlay", "crun", too_old))
        found.append(Cell("buildkit", suite, "root", "overlay", "chroot", too_old or _NO_CHROOT))
    return found


def outcome(cell: Cell, home: Path, work: Path, arguments: Sequence[str]) -> str:
    """Give the digest, or in one line why there is none."""
    if cell.user == USER and not can_read_this_checkout():
        return "the ordinary user cannot read this checkout"
    own = work / _OWN_HOME
    if cell.user == USER:
        own = new_folder(f"engine-matrix-{os.getpid()}")
    try:
        return _outcome(cell, home, work, own, arguments)
    finally:
        shutil.rmtree(own, ignore_errors=True)


def _outcome(cell: Cell, home: Path, work: Path, own: Path, arguments: Sequence[str]) -> str:
    copy = os.link
    if cell.user == USER:
        # Nothing is shared with root, whose files the user could not change.
        shutil.copytree(work, own / "work", symlinks=True)
        arguments = [argument.replace(str(work), str(own / "work")) for argument in arguments]
        copy = shutil.copy2
    # The same blobs, and an engine that has never run.
    shutil.copytree(home / "store", own / "store", copy_function=copy, ignore=_is_unfinished)
    if cell.user == USER:
        give(own)
    done = cell.samebit(own).run("build", "--progress=plain", *arguments, cwd=own)
    if done.returncode == 0:
        return done.stdout.strip()
    said = done.stderr.rpartition("error: ")[2].partition("\n  help: ")[0]
    return " ".join(said.replace("\n  |", "").replace("|", "/").split()) or "no digest"
