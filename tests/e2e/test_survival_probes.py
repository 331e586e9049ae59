"""The trial of a runtime, killed: its container is found and ended by the next use."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path

import pytest

from samebit.engines.buildah_storage import open_storage
from samebit.engines.isolation import choose_runtime
from samebit.engines.machine import find_program
from samebit.errors import MachineError

pytestmark = pytest.mark.e2e


def is_alive(pid: int) -> bool:
    """Tell whether it still runs; a zombie, whom nobody reaps here, does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_container_that_was_never_started_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The runtime here refuses to start and to delete, as if everybody was killed between."""
    real = find_program("runc")
    assert real
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "runc").write_text(
        "#!/bin/sh\n"
        'for a in "$@"; do case "$a" in\n'
        f'create) exec {shlex.quote(real)} "$@";;\n'
        f"start|kill|delete) [ -e {shlex.quote(str(tmp_path))}/ended ] || exit 1;;\n"
        "esac; done\n"
        f'exec {shlex.quote(real)} "$@"\n'
    )
    (programs / "runc").chmod(0o755)
    (programs / "crun").write_text("#!/bin/sh\nexit 1\n")
    (programs / "crun").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    # Not samebit's own, which would be next.
    monkeypatch.setenv("SAMEBIT_ISOLATION", "oci")
    storage = open_storage(tmp_path / "engine", "buildah", None)
    # Whatever its answer: what counts is where the container is kept.
    made: list[Path] = []
    monkeypatch.setattr(type(storage), "end_containers", lambda _, state: made.append(state))
    with pytest.raises(MachineError, match="nothing starts a container"):
        choose_runtime(storage)
    monkeypatch.undo()
    found = [state for folder in made for state in folder.glob("*/state.json")]
    assert len(found) == 1, made
    pid = int(found[0].read_text().partition('"init_process_pid":')[2].partition(",")[0])
    assert is_alive(pid)
    (tmp_path / "ended").touch()
    with storage.in_use():
        pass
    deadline = time.monotonic() + 60
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)
    assert not found[0].exists()
