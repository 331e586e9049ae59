"""buildah's storage that samebit owns: location, driver, environment, and how to call buildah."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from samebit.engines.leash import leashed
from samebit.engines.machine import PACKAGES, boot_id, find_program, require_engine
from samebit.engines.protocol import STAGE_IMAGES
from samebit.errors import MachineError
from samebit.store.durable import replace_file
from samebit.store.failure import machine_errors
from samebit.store.removal import remove_tree
from samebit.store.temporary import clean_abandoned

_CONFIGURATION = (
    # The host's own settings (environment, mounts, hooks, mirrors) must not reach a build.
    (
        "containers.conf",
        '[containers]\n[engine]\nhelper_binaries_dir=[{home}]\n[network]\nnetwork_backend="netavark"\n',
    ),
    # buildah from 1.39 on builds nothing without this program, which makes networks: every step has
    # the host's or none, so that it is never started.
    ("netavark", "#!/bin/sh\nexit 1\n"),
    ("storage.conf", '[storage]\ndriver = "overlay"\n'),
    # samebit checks every digest itself; the host's signature policy must not decide here.
    ("policy.json", '{"default": [{"type": "insecureAcceptAnything"}]}\n'),
)
_DRIVERS = ("overlay", "vfs")
_RECORD = "record-"
_DISK_FULL = ("no space left on device", "disk quota exceeded")
# How long a killed build's engine gets to end its step.
_END_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Storage:
    """A buildah program with a storage root of samebit's own.

    `extra` are variables on top of what every engine gets.
    """

    program: str
    home: Path
    driver: str
    extra: tuple[tuple[str, str], ...] = ()

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
            **dict(self.extra),
        }

    def call(
        self, *arguments: str, cwd: Path | None = None, leashed: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a buildah command to its end and give its output; `leashed` for those that last."""
        return subprocess.run(
            self.leashed(*arguments) if leashed else self.command(*arguments),
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            env=self.environment(self.home / "tmp"),
            stdin=subprocess.DEVNULL,
            cwd=cwd,
        )

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Mark the storage as used; the first user clears what a killed build left behind."""
        descriptor = self._open_lock("in-use")
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass
            else:
                self._clear()
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            mark = self.mark_untidy()
            yield
            # Not after an error, nor a kill: then there may be something to clear.
            with machine_errors(f"cannot write to the engine's storage {self.home}"):
                mark.unlink(missing_ok=True)
        finally:
            os.close(descriptor)

    def mark_untidy(self) -> Path:
        """Let the next first user clear the storage, unless the file given is removed again."""
        with machine_errors(f"cannot write to the engine's storage {self.home}"):
            self._marks.mkdir(parents=True, exist_ok=True)
            mark = self._marks / secrets.token_hex(8)
            mark.touch()
            return mark

    @contextmanager
    def engine_lock(self) -> Iterator[int]:
        """Give a locked descriptor for an engine to inherit: whoever locks it knows it has ended.

        Only inside `in_use`.
        """
        descriptor = self._open_lock("engine")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield descriptor
        finally:
            os.close(descriptor)

    def leashed(self, *arguments: str) -> list[str]:
        """Give a buildah command line that ends with this process, however this one ends."""
        return leashed(*self.command(*arguments))

    def make_containers(self, runtime: str) -> Path:
        """Make a folder for that runtime's state of one engine: which containers it runs."""
        path = self._all_containers / Path(runtime).name / secrets.token_hex(8)
        path.mkdir(parents=True)
        return path

    def end_containers(self, state: Path) -> None:
        """End the RUN steps of an engine that has ended; the runtime's own state names them."""
        own = self.own_runtime
        runtime = str(own) if state.parent.name == own.name else find_program(state.parent.name)
        for container in sorted(state.iterdir()):
            if runtime is not None:
                subprocess.run(
                    [runtime, "--root", state, "delete", "--force", container.name],
                    capture_output=True,
                    check=False,
                    stdin=subprocess.DEVNULL,
                )
        remove_tree(state)

    @property
    def engine_containers(self) -> Path:
        """Where the engine keeps what it notes of each container."""
        return self.home / self.driver / "storage" / f"{self.driver}-containers"

    @property
    def engine_layers(self) -> Path:
        """Where the engine keeps each layer's tree, or what it mounts it from."""
        storage = self.home / self.driver / "storage"
        return storage / "overlay" if self.driver == "overlay" else storage / "vfs" / "dir"

    @property
    def own_runtime(self) -> Path:
        """Where samebit's own runtime is, for machines where no other works."""
        return self.home / "chroot-runtime"

    @property
    def _all_containers(self) -> Path:
        return self.home / self.driver / f"containers-{boot_id()}"

    def _open_lock(self, name: str) -> int:
        with machine_errors(f"cannot lock the engine's storage {self.home}"):
            path = self.home / f"{name}-{self.driver}"
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @property
    def _marks(self) -> Path:
        return self.home / self.driver / "untidy"

    def _clear(self) -> None:
        cleared = self.home / self.driver / f"cleared-{boot_id()}"
        with suppress(FileNotFoundError):
            if cleared.exists() and not os.listdir(self._marks):
                return
        if not self._engines_ended():
            return
        for state in sorted(self._all_containers.glob("*/*")):
            self.end_containers(state)
        if self._listed("containers", "--quiet"):
            self.call("rm", "--all")
        listed = self._listed("images", "--format", "{{.ID}} {{.Name}}:{{.Tag}}")
        left = []
        for identifier, name in map(str.split, listed):
            if name.startswith(STAGE_IMAGES):
                left.append(name)
            elif name.startswith("<none>"):
                left.append(identifier)
        if left:
            self.call("rmi", "--force", *left)
        self._clear_temporary()
        # A crash of the machine may have lost the marks.
        for path in (*self._marks.glob("*"), *cleared.parent.glob("cleared-*")):
            path.unlink(missing_ok=True)
        cleared.touch()

    def _listed(self, *arguments: str) -> list[str]:
        done = self.call(*arguments)
        if done.returncode == 0:
            return done.stdout.splitlines()
        if is_disk_full(done.stderr):
            raise disk_full(self.home, done.stderr)
        raise MachineError(
            f"{self.program} cannot open its storage {self.home / self.driver}",
            detail=tail(done.stderr),
            fix="mend what buildah complains of; if the storage is damaged, delete that folder:"
            " samebit makes it anew",
        )

    def _clear_temporary(self) -> None:
        folder = self.home / "tmp"
        clean_abandoned(folder, _RECORD)
        for path in sorted(folder.iterdir()):
            if path.is_dir():
                remove_tree(path)
            elif not path.name.startswith(_RECORD):
                path.unlink(missing_ok=True)

    def _engines_ended(self) -> bool:
        """Wait for engines whose samebit was killed: their leash has told them to end."""
        descriptor = self._open_lock("engine")
        deadline = time.monotonic() + _END_SECONDS
        try:
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        return False
                    time.sleep(0.05)
                else:
                    return True
        finally:
            os.close(descriptor)

    def policy(self) -> str:
        """Give the option that selects samebit's signature policy."""
        return f"--signature-policy={self.home / 'policy.json'}"


def open_storage(home: Path, program: str, driver: str | None) -> Storage:
    """Prepare buildah's storage below `home`; raises MachineError when buildah is missing.

    `driver` is `overlay` or `vfs`; None chooses overlay where it works.
    """
    found = require_engine(program, PACKAGES)
    with machine_errors(f"cannot write to the engine's storage {home}"):
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        for name, template in _CONFIGURATION:
            path = home / name
            # The escapes of JSON strings are among those of TOML's.
            text = template.replace("{home}", json.dumps(str(home), ensure_ascii=False))
            if not path.exists() or path.read_text("utf-8") != text:
                remember(path, text)
        (home / "netavark").chmod(0o755)
        return Storage(found, home, driver or _choose_driver(found, home))


def _choose_driver(program: str, home: Path) -> str:
    record = home / f"driver-{boot_id()}"
    known = record.read_text("utf-8").strip() if record.exists() else ""
    if known in _DRIVERS:
        return known
    tried = Storage(program, home, "overlay").call("info")
    if tried.returncode != 0 and is_disk_full(tried.stderr):
        raise disk_full(home, tried.stderr)
    known = "overlay" if tried.returncode == 0 else "vfs"
    remember(record, f"{known}\n")
    return known


def remember(record: Path, text: str) -> None:
    """Keep a small fact about this machine; whoever reads it finds all of it or nothing.

    Raises OSError.
    """
    replace_file(record, text.encode("utf-8"), temporary=record.parent / "tmp", prefix=_RECORD)


def is_disk_full(text: str) -> bool:
    """Tell whether an engine's complaint is that there is no room."""
    return any(reason in text.lower() for reason in _DISK_FULL)


def disk_full(home: Path, text: str) -> MachineError:
    """Give the error for an engine's complaint that there is no room in its storage `home`."""
    return MachineError(
        f"the disk is full: buildah cannot write to its storage {home}",
        detail=tail(text),
        fix="free some space there, or choose another place with SAMEBIT_HOME",
    )


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
