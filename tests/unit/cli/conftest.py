from __future__ import annotations

from pathlib import Path

import pytest
from command_output import CommandLine


@pytest.fixture
def command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    """The command line, run from an empty directory `work` beside the state folder `home`."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    home = tmp_path / "home"
    monkeypatch.setenv("SAMEBIT_HOME", str(home))
    for name in ("SOURCE_DATE_EPOCH", "SAMEBIT_ENGINE", "SAMEBIT_STORAGE_DRIVER", "SSH_AUTH_SOCK"):
        monkeypatch.delenv(name, raising=False)
    return CommandLine(home, capsys)


@pytest.fixture
def context(command_line: CommandLine) -> Path:
    """A context `ctx` in the working directory that would build without any base image."""
    assert command_line.home.is_absolute()
    folder = Path("ctx")
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch AS one\nCOPY file /\nFROM one AS two\n")
    (folder / "file").write_text("x")
    return folder
