"""An interrupt waits for the module that is being loaded and for nothing else, and is no bug."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from samebit.cli import group

SLOW = """\
import os, signal, time
os.kill(os.getpid(), signal.SIGINT)
time.sleep(0.2)
"""
PROGRAM = """\
import os, signal, sys, time
from samebit.cli.main import _Interruptions
sys.path.insert(0, sys.argv[1])
_Interruptions().watch()
try:
    {does}
    time.sleep(30)
except KeyboardInterrupt:
    print("interrupted", "slow" in sys.modules)
"""


def interrupted(folder: Path, does: str) -> str:
    (folder / "slow.py").write_text(SLOW)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(does=does), folder],
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=20,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_module_is_loaded_to_its_end(tmp_path: Path) -> None:
    assert interrupted(tmp_path, "import slow") == "interrupted True\n"


def test_everything_else_is_interrupted_at_once(tmp_path: Path) -> None:
    assert interrupted(tmp_path, "os.kill(os.getpid(), signal.SIGINT)") == "interrupted False\n"


def test_what_fails_because_of_an_interrupt_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for a thread can end so: a lock is released that was not taken again."""

    def interrupted(*_: object, **_given: object) -> None:
        lock = threading.Lock()
        try:
            raise KeyboardInterrupt
        finally:
            lock.release()

    monkeypatch.setattr(group.samebit_command, "main", interrupted)
    with pytest.raises(KeyboardInterrupt):
        group.run([])
