"""A BuildKit of samebit's own: dockerd and containerd, started for a build and ended after it.

Both keep their state below samebit's home and listen on sockets in a private folder. dockerd's
BuildKit calls `runc` from its PATH, where the runtime shim stands first; which plan it obeys is
said anew for each engine run. With containerd's image store BuildKit reads OCI layouts.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from pathlib import Path

from samebit.engines.buildkit_programs import OwnPrograms
from samebit.engines.leash import leashed
from samebit.engines.machine import require_engine
from samebit.engines.process_end import wait_for_end
from samebit.engines.unmounting import unmount_below
from samebit.errors import MachineError
from samebit.store.failure import machine_errors
from samebit.store.removal import remove_tree

_START_SECONDS = 60.0
_STOP_SECONDS = 15.0
_SNAPSHOTTERS = {"overlay": "overlayfs", "vfs": "native"}
_CONTAINERD = """\
version = 2
root = {root}
state = {state}
disabled_plugins = [
    "io.containerd.grpc.v1.cri",
    "io.containerd.nri.v1.nri",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.internal.v1.tracing",
]
[grpc]
address = {address}
"""
# What builds leave is of no use, bases are: room for some of them.
_KEPT = "8GB"


class Daemon:
    """The daemons, which start while their user goes on.

    `address` is where dockerd listens, for DOCKER_HOST: who calls it before it runs waits.
    `ending` tells that they are of no more use.
    """

    def __init__(
        self, programs: OwnPrograms, home: Path, driver: str, *, wait: bool = True
    ) -> None:
        """Begin to start them over the state in `home`, waiting for another build that uses it.

        `driver` is overlay or vfs. Without `wait` another build is a BlockingIOError. Raises
        MachineError.
        """
        self._programs = programs
        self._home = home
        self._driver = driver
        self._stack = ExitStack()
        self._started: Future[None] = Future()
        self._over = os.eventfd(0, os.EFD_CLOEXEC)
        self.ending = False
        # Daemons end when the thread does that started them (PR_SET_PDEATHSIG of prctl(2)).
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        unwritable = f"cannot write to the engine's storage {home}"
        try:
            with machine_errors(unwritable):
                for name in ("data", "containerd", "tmp", "containers"):
                    (home / name).mkdir(parents=True, exist_ok=True)
                lock = os.open(home / "in-use", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
                self._stack.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            with machine_errors(unwritable):
                self._clear()
                self._place = self._new_place()
                self._stack.callback(self._clear)
                self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                self._stack.callback(self._listener.close)
                self._listener.bind(str(self._place / "docker.sock"))
                self._listener.listen()
                # What dockerd's BuildKit finds under this name in its PATH: see `obey`.
                self._called = self._place / "bin" / "runc"
                self._called.parent.mkdir()
                self._called.symlink_to(self._programs.runtime)
            self.address = f"unix://{self._place / 'docker.sock'}"
            self._keeper.start()
        except BaseException:
            self.close()
            raise

    def wait(self) -> None:
        """Wait until they run. Raises MachineError."""
        self._started.result()

    def _keep(self) -> None:
        """Start them, and end them when they are of no more use."""
        with self._stack:
            try:
                with machine_errors(f"cannot write to the engine's storage {self._home}"):
                    self._start(self._driver)
            except BaseException as error:  # noqa: BLE001 - told to who waits
                self._started.set_exception(error)
            else:
                self._started.set_result(None)
            # Only dockerd's own is left: who calls it is told when it has ended.
            self._listener.close()
            os.eventfd_read(self._over)

    def _start(self, driver: str) -> None:
        home, place = self._home, self._place
        configuration = place / "containerd.toml"
        values = {
            "root": home / "containerd",
            "state": place / "containerd",
            "address": place / "containerd.sock",
        }
        configuration.write_text(
            # The escapes of JSON strings are among those of TOML's.
            _CONTAINERD.format(**{name: json.dumps(str(path)) for name, path in values.items()}),
            "utf-8",
        )
        self._run(place, self._programs.containerd, f"--config={configuration}")
        settings = place / "daemon.json"
        settings.write_text(
            json.dumps(
                {
                    "features": {"containerd-snapshotter": True},
                    "builder": {"gc": {"enabled": True, "defaultKeepStorage": _KEPT}},
                }
            ),
            "utf-8",
        )
        self._run(
            place,
            self._programs.dockerd,
            f"--config-file={settings}",
            f"--data-root={home / 'data'}",
            f"--exec-root={place / 'exec'}",
            f"--pidfile={place / 'docker.pid'}",
            "--host=fd://",
            f"--containerd={place / 'containerd.sock'}",
            f"--storage-driver={_SNAPSHOTTERS[driver]}",
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            listener=self._listener.fileno(),
        )

    @property
    def containers(self) -> Path:
        """Where the OCI runtime keeps its state."""
        return self._home / "containers"

    def obey(self, wrapper: Path) -> None:
        """Let the steps that start from now on run through `wrapper`, in the runtime's place.

        Raises MachineError.
        """
        with machine_errors(f"cannot write to {self._place}"):
            new = self._place / "new"
            new.symlink_to(wrapper)
            os.replace(new, self._called)

    def end(self) -> None:
        """Begin to end the daemons and what they have left running; `close` waits for it."""
        self.ending = True
        os.eventfd_write(self._over, 1)

    def close(self) -> None:
        """End the daemons and what they have left running. A second time does nothing."""
        if self._over < 0:
            return
        self.end()
        if self._keeper.ident is not None:
            self._keeper.join()
        self._stack.close()
        os.close(self._over)
        self._over = -1

    def _run(self, place: Path, program: str, *arguments: str, listener: int | None = None) -> None:
        """Start a daemon and wait until it says that it is ready (sd_notify(3))."""
        name = Path(program).name
        unshare = require_engine("unshare", "util-linux")
        log = self._home / f"{name}.log"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready, log.open("wb") as output:
            path = place / f"{name}.ready"
            ready.bind(str(path))
            process = subprocess.Popen(
                leashed(
                    # What a killed daemon has mounted is gone with it.
                    *(unshare, "--mount", "--propagation", "slave", "--", program),
                    *arguments,
                    listener=listener,
                ),
                pass_fds=() if listener is None else (listener,),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={
                    "PATH": f"{self._called.parent}:{os.environ.get('PATH', '')}"
                    ":/usr/sbin:/usr/bin:/sbin:/bin",
                    "HOME": str(self._home),
                    "TMPDIR": str(self._home / "tmp"),
                    "NOTIFY_SOCKET": str(path),
                },
                start_new_session=True,
            )
            self._stack.callback(_end, process)
            if _await_ready(ready, process, self._over):
                return
        text = log.read_text("utf-8", "replace").strip().splitlines()
        raise MachineError(
            f"{name} cannot be started",
            detail="\n".join(text[-10:]),
            fix="mend what it complains of, or use --engine buildah",
        )

    def _new_place(self) -> Path:
        """Make the folder of sockets, which goes in the end, or when the next build starts."""
        known = self._home / "place"
        if known.is_symlink():
            left = Path(os.readlink(known))
            unmount_below(left)
            remove_tree(left)
            known.unlink()
        # Socket addresses hold 107 bytes, and samebit's home may be longer.
        place = Path(tempfile.mkdtemp(prefix="samebit-", dir="/tmp"))
        self._stack.callback(shutil.rmtree, place, ignore_errors=True)
        self._stack.callback(unmount_below, place)
        known.symlink_to(place)
        self._stack.callback(known.unlink)
        return place

    def _clear(self) -> None:
        """End steps that outlived their daemon, and remove what they were given."""
        for container in sorted(self.containers.iterdir()):
            subprocess.run(
                [
                    self._programs.runtime,
                    *("--root", str(self.containers), "delete", "--force", container.name),
                ],
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
            )
            remove_tree(container)
        unmount_below(self._home)
        for path in sorted((self._home / "tmp").iterdir()):
            if path.is_dir() and not path.is_symlink():
                remove_tree(path)
            else:
                path.unlink(missing_ok=True)


def _await_ready(ready: socket.socket, process: subprocess.Popen[bytes], over: int) -> bool:
    ended = os.pidfd_open(process.pid)
    try:
        while True:
            found = select.select([ready.fileno(), ended, over], [], [], _START_SECONDS)[0]
            if ready.fileno() not in found:
                return False
            if b"READY=1" in ready.recv(4096).splitlines():
                return True
    finally:
        os.close(ended)


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        wait_for_end(process, _STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
