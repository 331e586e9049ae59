"""What a build shows while it runs: short on a terminal, every line elsewhere, nothing wrapped."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from samebit_command import Samebit

pytestmark = pytest.mark.e2e

TOOLS = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]
"""
LONG = "x" * 300
WIDTH = 60


def on_a_terminal(
    samebit: Samebit, *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> tuple[int, str]:
    """Build with standard error on a terminal of WIDTH columns; gives the status and its bytes."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, WIDTH, 0, 0))
    # Without the variable, which wins over the terminal's own size.
    inherited = {key: value for key, value in os.environ.items() if key != "COLUMNS"}
    process = subprocess.Popen(
        [sys.executable, "-m", "samebit.cli", "build", *map(str, arguments)],
        env={**inherited, "TERM": "xterm", **environment, "SAMEBIT_HOME": str(samebit.home)},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    data = b""
    try:
        while chunk := os.read(master, 1 << 16):
            data += chunk
    except OSError:
        # What a terminal gives when its last writer has gone.
        pass
    os.close(master)
    return process.wait(60), data.decode("utf-8").replace("\r\n", "\n")


def screen(text: str) -> list[str]:
    """Give the lines that stay, after what was rewritten in place."""
    lines = []
    for line in text.split("\n"):
        shown = line.rpartition("\r\x1b[2K")[2]
        assert "\x1b" not in shown
        lines.append(shown)
    return [line for line in lines if line]


def write(context: Path, run: str) -> Path:
    (context / "Dockerfile").write_text(f"{TOOLS}{run}\n")
    return context


def test_a_terminal_shows_the_running_instruction_in_one_line(
    samebit: Samebit, busybox_context: Path
) -> None:
    run = f"RUN for i in 1 2 3 4 5 6; do echo {LONG}; sleep 0.6; done"
    context = write(busybox_context, run)
    status, text = on_a_terminal(samebit, context)
    assert status == 0, text
    kept = screen(text)
    assert re.fullmatch("sha256:[0-9a-f]{64}", kept[-1])
    assert [line.split(" ", 1)[0] for line in kept[:-1]] == ["wrote", "recorded,"]
    drawn = re.findall(r"\r\x1b\[2K([^\r\n]*)(?=\r)", text)
    assert any(line.startswith(f"{context}/Dockerfile:4  RUN"[: WIDTH - 1]) for line in drawn)
    assert max(map(len, drawn)) < WIDTH
    # The cursor is never hidden, so nobody has to bring it back.
    assert "\x1b[?25l" not in text


def test_a_terminal_shows_the_output_of_the_step_that_failed(
    samebit: Samebit, busybox_context: Path
) -> None:
    write(busybox_context, "RUN echo one; printf '\\033[2J'; false")
    status, text = on_a_terminal(samebit, ".", cwd=busybox_context)
    assert status == 3
    what = r"RUN echo one; printf '\033[2J'; false ended with exit status 1"
    assert screen(text) == [
        f"Dockerfile:4:1: error: {what} [build-failed]",
        "  | one",
        r"  | \x1b[2J",
    ]


@pytest.mark.parametrize("given", [["--progress", "plain"], []], ids=["asked", "dumb"])
def test_a_terminal_can_show_every_line(
    samebit: Samebit, busybox_context: Path, given: list[str]
) -> None:
    write(busybox_context, f"RUN echo {LONG}")
    status, text = on_a_terminal(samebit, "--no-cache", *given, busybox_context, TERM="dumb")
    assert status == 0
    assert f"  {LONG}\n" in text
    assert "\x1b" not in text


def test_elsewhere_every_line_is_told_whole(samebit: Samebit, busybox_context: Path) -> None:
    write(busybox_context, f"RUN echo {LONG}")
    done = samebit.run("build", "--no-cache", "context", cwd=busybox_context.parent, COLUMNS="40")
    assert done.returncode == 0
    assert done.stderr.splitlines()[:5] == [
        "context/Dockerfile:1  FROM scratch",
        "context/Dockerfile:2  COPY busybox /bin/busybox",
        'context/Dockerfile:3  RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]',
        f"context/Dockerfile:4  RUN echo {LONG[:90]}…",
        f"  {LONG}",
    ]
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize("option", ["-q", "--quiet", "--progress=quiet"])
def test_quiet_tells_only_errors(samebit: Samebit, busybox_context: Path, option: str) -> None:
    write(busybox_context, "RUN echo one")
    done = samebit.run("build", "--no-cache", option, busybox_context)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("sha256:")
    write(busybox_context, "RUN echo two; false")
    done = samebit.run("build", option, busybox_context)
    assert done.returncode == 3
    assert done.stderr.splitlines()[1:] == ["  | two"]


def test_a_full_standard_output_is_told_and_a_full_standard_error_is_not_minded(
    samebit: Samebit, busybox_context: Path
) -> None:
    write(busybox_context, "RUN echo one")
    command = [sys.executable, "-m", "samebit.cli", "build", str(busybox_context)]
    environment = {**os.environ, "SAMEBIT_HOME": str(samebit.home)}
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=full, check=False
        )
        assert (done.returncode, done.stdout[:7]) == (0, b"sha256:")
        done = subprocess.run(
            command, env=environment, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 6
    assert b"cannot write to standard output: No space left on device" in done.stderr
    assert b"Traceback" not in done.stderr


def test_without_standard_streams(samebit: Samebit, busybox_context: Path) -> None:
    write(busybox_context, "RUN echo one")
    command = f'"{sys.executable}" -m samebit.cli build --no-cache "{busybox_context}" >&- 2>&-'
    environment = {**os.environ, "SAMEBIT_HOME": str(samebit.home)}
    assert subprocess.run(["sh", "-c", command], env=environment, check=False).returncode == 0
    write(busybox_context, "RUN false")
    assert subprocess.run(["sh", "-c", command], env=environment, check=False).returncode == 3
