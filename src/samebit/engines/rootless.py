"""Ordinary users: going on inside a user namespace where they are root (user_namespaces(7))."""

from __future__ import annotations

import os
import subprocess
import sys

from samebit.engines.machine import PACKAGES, require_engine
from samebit.errors import MachineError


def enter_user_namespace(program: str) -> None:
    """Start this same command line again under `buildah unshare`; as root, do nothing.

    There, trees are read and written with the owners that the image has. Does not return for an
    ordinary user. Raises MachineError when the machine gives this user no such namespace.
    """
    if os.geteuid() == 0:
        return
    found = require_engine(program, PACKAGES)
    probe = subprocess.run(
        [found, "unshare", "true"],
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
    )
    if probe.returncode != 0:
        raise MachineError(
            "this user cannot have a user namespace of several IDs",
            detail=probe.stderr.strip(),
            fix="run as root, or install uidmap and give the user ranges in /etc/subuid and"
            " /etc/subgid: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 USER",
        )
    sys.stdout.flush()
    sys.stderr.flush()
    command = [found, "unshare", sys.executable, "-m", "samebit.cli", *sys.argv[1:]]
    os.execv(found, command)  # noqa: S606 - going on as another process is the point
