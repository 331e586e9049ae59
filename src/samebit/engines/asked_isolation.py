"""`--isolation` and SAMEBIT_ISOLATION: the kind of isolation that was asked for."""

from __future__ import annotations

import os

from samebit.errors import UsageError

OCI, CHROOT = "oci", "chroot"
ISOLATIONS = (OCI, CHROOT)
"""What can be asked for; by default the first that works."""

_VARIABLE = "SAMEBIT_ISOLATION"


def ask_for_isolation(name: str) -> None:
    """Ask for one of ISOLATIONS for all that this process, and those it starts, build."""
    os.environ[_VARIABLE] = name


def asked_isolation() -> str:
    """Give what was asked for, empty where nothing was. Raises UsageError."""
    asked = os.environ.get(_VARIABLE) or ""
    if asked not in {"", *ISOLATIONS}:
        raise UsageError(f"{_VARIABLE} is {asked!r}", fix="set it to oci or chroot, or unset it")
    return asked
