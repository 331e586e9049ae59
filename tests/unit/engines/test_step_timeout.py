"""A step of a varied build that does not end is stopped, and says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from samebit.engines import shim

_WAIT = """\
import subprocess, sys
sys.path.insert(0, sys.argv[1])
import shim_varied
with subprocess.Popen(["sleep", sys.argv[2]], stderr=subprocess.PIPE) as step:
    shim_varied._stop_after(1, step.pid)
    print(step.wait(), step.stderr.read())
"""


def waited(seconds: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _WAIT, Path(shim.__file__).parent, seconds],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout


def test_a_step_is_stopped_after_its_seconds() -> None:
    assert waited("100") == "-9 b'samebit: it has not ended after 1 s, so it was stopped\\n'\n"


def test_a_step_that_ends_is_left_alone() -> None:
    assert waited("0.1") == "0 b''\n"
