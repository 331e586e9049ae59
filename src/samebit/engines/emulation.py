"""Which other processors' programs run here: natively, or because the kernel emulates them.

An emulator is registered with the kernel (binfmt_misc). It reaches into containers only if its
registration has the flag F; so a program is tried where nothing else is, as in a container.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from samebit.distribution.install import this_distribution
from samebit.engines.probe_image import exit_program

_REGISTRY = Path("/proc/sys/fs/binfmt_misc")
_ENTER = "import os, sys; os.chroot(sys.argv[1]); os.chdir('/'); os.execv('/true', ['/true'])"
_SECONDS = 60.0


def runs_programs_for(architecture: str) -> bool | None:
    """Run a program for that processor in an empty root; None where samebit has none for it.

    Only for root, of the machine or of a user namespace. Raises OSError when nothing can be tried.
    """
    program = exit_program(architecture)
    if program is None:
        return None
    with tempfile.TemporaryDirectory(prefix="samebit-") as folder:
        path = Path(folder) / "true"
        path.write_bytes(program)
        path.chmod(0o755)
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", "-c", _ENTER, folder],
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


def emulation_advice() -> str:
    """Say how this machine gets to run other processors' programs."""
    here = this_distribution()
    steps = [here.advice("emulation")]
    if not (_REGISTRY / "register").exists():
        steps.append(f"then: mount -t binfmt_misc none {_REGISTRY}")
    return "; ".join(steps)
