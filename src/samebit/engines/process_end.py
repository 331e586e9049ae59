"""Waiting for the end of a program, without the pauses that Popen.wait makes."""

from __future__ import annotations

import os
import select
import subprocess
from typing import AnyStr


def wait_for_end(process: subprocess.Popen[AnyStr], seconds: float) -> None:
    """Wait for the end, `seconds` at most (pidfd_open(2)). Raises subprocess.TimeoutExpired."""
    if process.poll() is not None:
        return
    ended = os.pidfd_open(process.pid)
    try:
        if not select.select([ended], [], [], seconds)[0]:
            raise subprocess.TimeoutExpired(process.args, seconds)
    finally:
        os.close(ended)
    process.wait()
