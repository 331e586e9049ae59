"""A `samebit build` in the background, to interrupt or kill, and what it left behind."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from samebit_command import Samebit

from samebit.engines.buildah_storage import open_storage
from samebit.store.store import Store

_DEADLINE = 60.0
_BASE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin"]
COPY filler /filler
"""


@dataclass(frozen=True)
class RunningBuild:
    """A build that was started, with stdout and stderr in files."""

    process: subprocess.Popen[bytes]
    home: Path
    output: Path

    def text(self) -> str:
        """Give what it has printed so far."""
        return self.output.read_text("utf-8", errors="replace")

    def wait_until(self, reached: Callable[[RunningBuild], bool]) -> bool:
        """Wait for a moment of the build; gives False when the build ended before it."""
        deadline = time.monotonic() + _DEADLINE
        while not reached(self):
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < deadline, self.text()
            time.sleep(0.002)
        return True

    def wait(self) -> int:
        """Wait for its end; gives the exit status, negative for a signal."""
        return self.process.wait(_DEADLINE)

    def kill(self, *, whole: bool) -> None:
        """Kill it without warning; `whole` takes every program that it has started along."""
        # The number of a process that was waited for may be another's by now.
        victims = [self.process.pid] if self.process.poll() is None else []
        if whole:
            victims += [pid for pid in processes_of(self.home) if pid != self.process.pid]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.process.wait(_DEADLINE)


@contextmanager
def running(
    samebit: Samebit, *arguments: str | Path, command: str = "build"
) -> Iterator[RunningBuild]:
    """Start `samebit build` in the background; it is killed at the end of the block."""
    home = samebit.home
    # One for each build: several may share the state folder.
    output = home.with_name(f"{home.name}.{secrets.token_hex(4)}.output")
    with open(output, "wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "samebit.cli", command, "--progress", "plain"]
            + [str(argument) for argument in arguments],
            env={**os.environ, **samebit.environment, "SAMEBIT_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    started = RunningBuild(process, home, output)
    try:
        yield started
    finally:
        if process.poll() is None:
            started.kill(whole=True)


def processes_of(home: Path) -> list[int]:
    """Give the living processes of builds with that state folder: by command line or by root."""
    wanted = os.fsencode(home) + b"/"
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            mounts = (entry / "mountinfo").read_bytes().splitlines() if command else []
        except OSError:
            continue
        root = next((line for line in mounts if line.split(b" ")[4:5] == [b"/"]), b"")
        if wanted in command or wanted in root:
            found.append(int(entry.name))
    return sorted(found)


def no_processes_of(home: Path, seconds: float) -> bool:
    """Wait until nothing of that state folder runs any more."""
    deadline = time.monotonic() + seconds
    while processes_of(home):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def commands_of(home: Path) -> list[str]:
    """Give the command lines behind `processes_of`, for messages."""
    found = []
    for pid in processes_of(home):
        try:
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def mounts_below(home: Path) -> list[str]:
    """Give the mount points below that folder."""
    lines = Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
    points = [line.split(" ")[4] for line in lines]
    return [point for point in points if point.startswith(f"{home}/")]


def assert_nothing_left(home: Path) -> None:
    """Check that after a build that ended well nothing is there but what shall be kept."""
    assert no_processes_of(home, 2), commands_of(home)
    engine = home / "engines" / "buildah"
    for place in ("store/tmp/*", "engines/buildah/tmp/*", "engines/buildah/*/containers-*/*/*"):
        assert not [*home.glob(place)], [*home.glob(place)]
    storage = open_storage(engine, "buildah", None)
    assert not storage.call("containers", "--quiet").stdout
    listed = storage.call("images", "--all", "--format", "{{.Name}}:{{.Tag}}").stdout.splitlines()
    assert not [name for name in listed if "stage" in name or "<none>" in name], listed
    assert not mounts_below(home), mounts_below(home)
    assert not Store(home / "store").corrupt()


def make_base(samebit: Samebit, busybox: Path, folder: Path, mebibytes: int) -> Path:
    """Build a base with a shell and incompressible bytes, as an OCI layout below `folder`."""
    context = folder / "base"
    context.mkdir(parents=True)
    (context / "busybox").write_bytes(busybox.read_bytes())
    (context / "busybox").chmod(0o755)
    (context / "filler").write_bytes(random.Random(1).randbytes(mebibytes << 20))
    (context / "Dockerfile").write_text(_BASE)
    layout = folder / "layout"
    samebit.build("-o", f"oci:{layout}", context)
    return layout
