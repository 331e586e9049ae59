"""buildah's storage that samebit owns: location, driver, environment, and how to call buildah."""

from __future__ import annotations

import fcntl
import os
import resource
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from samebit.engines.machine import PACKAGES, boot_id, require_engine
from samebit.engines.protocol import StepFailedError
from samebit.engines.runtime_state import RuntimeState
from samebit.engines.tied import tied

_DRIVERS = ("overlay", "vfs")
_CONFIGURATION = (
    # The host's own settings (environment, mounts, hooks, mirrors) must not reach a build.
    ("containers.conf", "[containers]\n[engine]\n"),
    ("storage.conf", '[storage]\ndriver = "overlay"\n'),
    # samebit checks every digest itself; the host's signature policy must not decide here.
    ("policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}\n'),
)


@dataclass(frozen=True, slots=True)
class Storage:
    """A buildah program with a storage root of samebit's own."""

    program: str
    home: Path
    driver: str

    def command(self, *arguments: str) -> list[str]:
        """Give a full buildah command line over this storage."""
        return [
            self.program,
            "--root",
            str(self.home / self.driver / "storage"),
            "--runroot",
            str(self.home / self.driver / f"run-{boot_id()}"),
            "--storage-driver",
            self.driver,
            *arguments,
        ]

    def environment(self, temporary: Path) -> dict[str, str]:
        """Give the engine nothing of the user's environment but where programs are."""
        return {
            "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": os.environ.get("HOME", "/"),
            "LANG": "C.UTF-8",
            "TMPDIR": str(temporary),
            "CONTAINERS_CONF": str(self.home / "containers.conf"),
            "CONTAINERS_STORAGE_CONF": str(self.home / "storage.conf"),
            **{
                name: value
                for name, value in sorted(os.environ.items())
                # How `buildah unshare` tells its children about the user namespace.
                if name.startswith("_CONTAINERS_") or name == "XDG_RUNTIME_DIR"
            },
        }

    def call(
        self, *arguments: str, cwd: Path | None = None, slow: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a buildah command to its end and give its output; a slow one ends with samebit."""
        command = self.command(*arguments)
        return subprocess.run(
            tied(command) if slow else command,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            env=self.environment(self.home / "tmp"),
            stdin=subprocess.DEVNULL,
            cwd=cwd,
        )

    @contextmanager
    def in_use(self) -> Iterator[int]:
        """Use the storage; whoever is alone there clears what a killed build left behind.

        Gives a descriptor that engine processes inherit: while one lives, nobody clears.
        """
        descriptor = os.open(self.home / f"in-use-{self.driver}", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if any(self._marks.iterdir()):
                self._clear_alone(descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            mark = self._marks / secrets.token_hex(8)
            mark.touch()
            try:
                yield descriptor
            except (Exception, KeyboardInterrupt) as error:
                # An engine that stopped by itself has tidied up.
                if isinstance(error, StepFailedError):
                    mark.unlink(missing_ok=True)
                else:
                    self._clear_alone(descriptor)
                raise
            else:
                mark.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    @property
    def _marks(self) -> Path:
        """One file for each use that has not ended in order."""
        return self.home / f"used-{self.driver}"

    def runtime_state(self) -> RuntimeState:
        """Give a new folder for the containers of one build."""
        return RuntimeState(self._states / secrets.token_hex(8))

    @property
    def _states(self) -> Path:
        return self.home / self.driver / f"containers-{boot_id()}"

    def _clear_alone(self, descriptor: int) -> None:
        """Clear unless another process uses the storage; `descriptor` loses its shared lock."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if self._states.is_dir():
            for folder in sorted(self._states.iterdir()):
                RuntimeState(folder).clear()
        if self.call("containers", "--quiet").stdout.strip():
            self.call("rm", "--all")
        dangling = self.call("images", "--quiet", "--filter", "dangling=true").stdout.split()
        if dangling:
            self.call("rmi", "--force", *dangling)
        for mark in self._marks.iterdir():
            mark.unlink(missing_ok=True)

    def policy(self) -> str:
        """Give the option that selects samebit's signature policy."""
        return f"--signature-policy={self.home / 'policy.json'}"


def open_storage(home: Path, program: str, driver: str | None) -> Storage:
    """Prepare buildah's storage below `home`; raises MachineError when buildah is missing.

    `driver` is `overlay` or `vfs`; None chooses overlay where it works.
    """
    found = require_engine(program, PACKAGES)
    for name in ("tmp", *(f"used-{known}" for known in _DRIVERS)):
        (home / name).mkdir(parents=True, exist_ok=True)
    for name, text in _CONFIGURATION:
        path = home / name
        if not path.exists() or path.read_text("utf-8") != text:
            fresh = path.with_name(f"{name}.{os.getpid()}.tmp")
            fresh.write_text(text, "utf-8")
            fresh.replace(path)
    if driver is not None:
        return Storage(found, home, driver)
    record = home / f"driver-{boot_id()}"
    if not record.exists():
        works = Storage(found, home, "overlay").call("info").returncode == 0
        record.write_text("overlay\n" if works else "vfs\n", "utf-8")
    return Storage(found, home, record.read_text("utf-8").strip())


# Enough for compilers and bundlers, and within what ordinary machines allow: the same everywhere.
# (buildah lowers its own limit on processes, so the default of this machine cannot be passed on.)
_LIMITS = (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC))
_LIMIT = 16384


def ulimits() -> list[str]:
    """Limits of RUN steps: engines' defaults differ, and fail without CAP_SYS_RESOURCE."""
    found = []
    for name, number in _LIMITS:
        hard = resource.getrlimit(number)[1]
        value = _LIMIT if hard == resource.RLIM_INFINITY else min(hard, _LIMIT)
        found.append(f"--ulimit={name}={value}:{value}")
    return found


def tail(text: str, lines: int = 10) -> str:
    """Give the last lines of a program's output."""
    return "\n".join(text.strip().splitlines()[-lines:])
