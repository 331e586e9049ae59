"""The program file that an engine is given for samebit's own runtime (chroot_runtime)."""

from __future__ import annotations

import stat
import sys

from samebit.engines import chroot_runtime
from samebit.engines.buildah_storage import Storage, remember
from samebit.engines.shim import quoted


def chroot_program(storage: Storage) -> str:
    """Write it into the engine's folder; gives its path. Raises OSError."""
    path = storage.own_runtime
    python = [sys.executable, "-I", "-S", chroot_runtime.__file__]
    text = f'#!/bin/sh\nexec {" ".join(map(quoted, python))} "$@"\n'
    if not path.exists() or path.read_text("utf-8") != text:
        remember(path, text)
        path.chmod(stat.S_IRWXU)
    return str(path)
