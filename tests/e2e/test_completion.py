"""Completion in the real shells, as far as they are installed."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
_SECONDS = 300
_CONTROLS = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x07|[^\x08]\x08")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the command on PATH, and the scripts for each shell."""
    tmp_path = tmp_path_factory.mktemp("shells")
    program = tmp_path / "bin" / "samebit"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m samebit.cli "$@"\n')
    program.chmod(0o755)
    for shell in ("bash", "zsh", "fish"):
        done = subprocess.run(
            [program, "completion", shell], capture_output=True, check=True, timeout=60
        )
        (tmp_path / f"samebit.{shell}").write_bytes(done.stdout)
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    return {
        "PATH": f"{place}/bin:{os.environ['PATH']}",
        "HOME": str(place),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }


def shell(place: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=place,
        env=environment(place),
        capture_output=True,
        check=False,
        encoding="utf-8",
        timeout=_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["samebit", "bu"], {"build"}),
        (["samebit", "build", "--no"], {"--no-cache", "--normalised"}),
        (["samebit", "build", "--context-modes", "k"], {"keep"}),
        (["samebit", "inputs", "pu"], {"pull", "push"}),
        (["samebit", "build", "pro"], {"dirnames"}),
        (["samebit", "build", "-f", "pro"], {"default"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bash(place: Path, words: list[str], expected: set[str]) -> None:
    text = (
        # The shell's own, which only knows what to do while it completes.
        'compopt() { printf "%s\\n" "$2"; }; . ./samebit.bash;'
        f" COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1};"
        ' _samebit_completion samebit; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    assert set(shell(place, "bash", "--norc", "-c", text).split()) == expected


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish(place: Path) -> None:
    def completed(line: str) -> set[str]:
        text = f"source samebit.fish; complete -C '{line}'"
        found = shell(place, "fish", "--no-config", "-c", text)
        return {told.split("\t")[0] for told in found.splitlines()}

    assert completed("samebit bu") == {"build"}
    assert completed("samebit build --no") == {"--no-cache", "--normalised"}


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh(place: Path) -> None:
    """In an interactive zsh on a terminal: its completion works nowhere else."""
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(place)
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment(place))
    try:
        text = "PROMPT='ready> '; autoload -Uz compinit; compinit -u -D; . ./samebit.zsh\n"
        os.write(terminal, text.encode())
        read_until(terminal, b"\rready> ")
        os.write(terminal, b"samebit bu\t")
        # Typed out by the shell; a lone answer is followed by a space.
        read_until(terminal, b"samebit build ")
        os.write(terminal, b"--no-\t")
        read_until(terminal, b"--no-cache ")
    finally:
        os.close(terminal)
        os.waitpid(process, 0)


def read_until(terminal: int, wanted: bytes) -> None:
    seen = b""
    deadline = time.monotonic() + _SECONDS
    while wanted not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 1)[0]:
            # Without what only moves the cursor.
            seen = _CONTROLS.sub(b"", seen + os.read(terminal, 4096))
