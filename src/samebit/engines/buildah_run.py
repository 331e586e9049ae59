"""One `buildah build`, from its start to the tree that the runtime shim captures."""

from __future__ import annotations

import itertools
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from samebit.engines.buildah_storage import Storage, ulimits
from samebit.engines.buildah_words import STEP_LINE, is_chatter, read_ending, split_closing
from samebit.engines.conditions import StepRecord, StepTrace
from samebit.engines.protocol import EnginePlan, Progress, StepFailedError
from samebit.engines.runtime_wrapper import write_wrapper
from samebit.engines.step_conditions import shim_conditions
from samebit.engines.step_mounts import MountSources, private_directory
from samebit.errors import InternalError
from samebit.model.rendering import Rendering

# The host's own name must resolve: sudo and Java complain otherwise.
_HOSTS = "127.0.0.1\tlocalhost {}\n::1\tlocalhost ip6-localhost ip6-loopback\n"
# Docker's default set beyond buildah's: what `docker build` users' RUN steps may do.
_CAPABILITIES = ("CAP_AUDIT_WRITE", "CAP_MKNOD", "CAP_NET_RAW")
_TAIL_LINES = 200
_LONGEST_LINE = 1 << 16
_STOP_SECONDS = 10.0


class Run:
    """A running engine; `final_tree` starts it, waits for the capture and ends it."""

    def __init__(
        self, storage: Storage, runtime: str, plan: EnginePlan, work: Path, progress: Progress
    ) -> None:
        self._storage = storage
        self._runtime = runtime
        self._plan = plan
        self._progress = progress
        self._work = work / "engine"
        self._work.mkdir(parents=True)
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._position: tuple[int, int] | None = None
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._finished = False
        self._resources = ExitStack()
        self._containers: Path | None = None
        self._closing = False

    @contextmanager
    def final_tree(self) -> Iterator[Rendering]:
        """Yield the final tree, mounted and complete. Raises StepFailedError, InternalError."""
        descriptor = -1
        with self._listen() as listener:
            try:
                self._start()
                connection, descriptor, filesystem = self._await_capture(listener)
                self._finished = True
                with connection:
                    self._check_agreement()
                    root = os.fsencode(f"/proc/self/fd/{descriptor}/.")
                    yield Rendering(root, overlay=filesystem == "overlay")
            finally:
                if descriptor >= 0:
                    os.close(descriptor)
                self._stop()

    def commit(self, name: str) -> StepTrace:
        """Run to the end and tag the result. Raises StepFailedError, InternalError."""
        try:
            self._start(f"--tag={name}")
            assert self._process is not None
            if self._process.wait() != 0:
                raise self._failure()
            self._finished = True
            self._check_agreement()
            return self.trace()
        finally:
            self._stop()

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Through a descriptor, because socket addresses hold 107 bytes.
        directory = os.open(self._work, os.O_RDONLY | os.O_DIRECTORY)
        try:
            listener.bind(f"/proc/self/fd/{directory}/capture")
        finally:
            os.close(directory)
        listener.listen(1)
        return listener

    def _start(self, *options: str) -> None:
        lowered = self._work / "Dockerfile"
        lowered.write_text(self._plan.dockerfile, "utf-8")
        temporary = self._work / "tmp"
        temporary.mkdir()
        environment = self._storage.environment(temporary)
        command = self._storage.leashed(
            "build",
            "--isolation=oci",
            f"--runtime={self._write_shim()}",
            "--network=host",
            "--layers=false",
            "--force-rm",
            "--pull-never",
            "--format=docker",
            "--http-proxy=false",
            self._storage.policy(),
            *[f"--cap-add={name}" for name in _CAPABILITIES],
            # Labels differ by host, and what the shim mounts has none.
            "--security-opt=label=disable",
            *ulimits(),
            *[f"--build-context={k}={v}" for k, v in sorted(self._plan.build_contexts.items())],
            f"--platform={self._plan.platform}",
            *options,
            f"--file={lowered}",
            str(self._plan.context),
        )
        with self._storage.engine_lock() as inherited:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                errors="replace",
                env=environment,
                pass_fds=(inherited,),
                # A terminal's interrupt must reach us first: we end the engine in order.
                start_new_session=True,
            )
        self._reader = threading.Thread(target=self._read_output, daemon=True)
        self._reader.start()

    def _write_shim(self) -> Path:
        hosts = self._work / "hosts"
        conditions = self._plan.conditions
        hosts.write_text(_HOSTS.format(conditions.host_name), "utf-8")
        state = self._work / "state"
        state.mkdir()
        private = self._resources.enter_context(private_directory(self._work))
        sources = MountSources(self._plan, private)
        self._resources.callback(sources.close)
        mounted = sources.prepare()
        network = self._plan.network
        replaced = {"/etc/hosts": str(hosts)}
        if network is not None:
            replaced["/etc/resolv.conf"] = str(network.resolver)
        plan = {
            "runtime": self._runtime,
            "socket": str(self._work / "capture"),
            "log": str(self._log),
            "state": str(state),
            "containers": str(self._storage.engine_containers),
            "layers": str(self._storage.engine_layers),
            "mount": "merged" if self._storage.driver == "overlay" else "",
            "hostname": conditions.host_name,
            "conditions": shim_conditions(conditions),
            "traced": dict(self._plan.traced),
            "since": state.stat().st_ctime_ns,
            "set_if_absent": dict(self._plan.set_if_absent),
            "replaced": replaced,
            "bound": {i: str(path) for i, path in network.files.items()} if network else {},
            "companions": [(p, i, str(f)) for p, i, f in network.companions] if network else [],
            "namespace": network.namespace if network else None,
            "marker": str(network.marker) if network else None,
            "steps": {
                marker: {
                    "args": list(step.args),
                    "cwd": step.cwd,
                    "env": [*step.env, *mounted[marker].environment],
                    "network": step.network,
                    "mounts": mounted[marker].mounts,
                    "moved": dict(step.moved),
                }
                for marker, step in self._plan.steps.items()
            },
        }
        # It holds build arguments and secret variables.
        path = private / "plan.json"
        path.write_text(json.dumps(plan), "utf-8")
        # State of the engine's own, so that the next build finds what outlived a killed one.
        self._containers = self._storage.make_containers(self._runtime)
        return write_wrapper(
            self._work,
            runtime=self._runtime,
            containers=self._containers,
            state=state,
            plan=path,
            varied=bool(plan["conditions"] or plan["traced"]),
            restricts=bool(conditions.processors or conditions.first_process),
        )

    @property
    def _log(self) -> Path:
        return self._work / "steps.jsonl"

    def trace(self) -> StepTrace:
        """Say when each step ran, of those that have begun, and which a moved clock missed."""
        noted = self._noted()
        begun = [line for line in noted if "began" in line]
        ended = self._work / "state" / "ended"
        if ended.exists():
            # Of the last one, where nothing comes after it.
            begun.append({"before": ended.stat().st_ctime_ns})
        return StepTrace(
            tuple(
                StepRecord(line["step"], line["began"], later["before"])
                for line, later in itertools.pairwise(begun)
                if "step" in line and later["before"] is not None
            ),
            {
                line["clock"]: line["unreached"]
                for line in noted
                if "clock" in line and line["unreached"]
            },
            {stage: _read_written(path) for stage, path in self._written() if path.exists()},
        )

    def _written(self) -> list[tuple[int, Path]]:
        state = self._work / "state"
        return [(stage, state / f"written-{stage}.jsonl") for stage in self._plan.traced.values()]

    def _noted(self) -> list[dict[str, Any]]:
        if not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text("utf-8").splitlines()]

    def _await_capture(self, listener: socket.socket) -> tuple[socket.socket, int, str]:
        assert self._process is not None
        ended = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(listener, selectors.EVENT_READ)
                selector.register(ended, selectors.EVENT_READ)
                while True:
                    ready = {key.fileobj for key, _ in selector.select()}
                    if listener in ready:
                        connection, _ = listener.accept()
                        message, descriptors, _, _ = socket.recv_fds(connection, 4096, 1)
                        if len(descriptors) == 1:
                            return connection, descriptors[0], json.loads(message)["filesystem"]
                        connection.close()
                    elif ended in ready:
                        self._process.wait()
                        raise self._failure()
        finally:
            os.close(ended)

    def _failure(self) -> StepFailedError:
        assert self._reader is not None
        self._reader.join(_STOP_SECONDS)
        ending = read_ending(tuple(self._tail))
        stage, step = self._position or (None, None)
        return StepFailedError(
            stage,
            step,
            status=ending.status,
            output=ending.output,
            reason=ending.reason,
            unstarted=ending.unstarted,
        )

    def _read_output(self) -> None:
        assert self._process is not None
        stdout = self._process.stdout
        assert stdout is not None
        # In pieces, because a program may print gigabytes without a line's end.
        for line in iter(lambda: stdout.readline(_LONGEST_LINE), ""):
            text = line.rstrip("\n")
            if self._finished:
                # Only the engine's complaint that the capture step "failed".
                continue
            step = STEP_LINE.match(text)
            if step:
                self._position = (int(step.group(1) or 1), int(step.group(2)))
                self._tail.clear()
                self._closing = False
                self._progress.at(*self._position)
            elif not is_chatter(text):
                self._tail.append(text)
                # The engine's closing words are told as the error.
                if not self._closing:
                    own, self._closing = split_closing(text)
                    if own or not self._closing:
                        self._progress.line(own)

    def _check_agreement(self) -> None:
        """Compare what the engine was about to run with what the evaluator computed."""
        for noted in self._noted():
            if "args" not in noted:
                continue
            wanted = self._plan.steps[noted["step"]].args
            if not _same_command(noted["args"], wanted):
                raise InternalError(
                    f"the engine ran {noted['args']!r} where the evaluator computed {list(wanted)}",
                    fix="please report this together with the Dockerfile",
                )

    def _stop(self) -> None:
        with self._resources:
            try:
                self._end_engine()
            finally:
                if self._containers is not None:
                    # An engine that is told to end while the runtime makes a container forgets it.
                    self._storage.end_containers(self._containers)

    def _end_engine(self) -> None:
        process = self._process
        if process is None:
            return
        try:
            # After the capture the shim ends the build by itself; one that has not got there (an
            # interrupt) is told to end.
            if not self._finished:
                os.killpg(process.pid, signal.SIGTERM)
            _wait(process)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._storage.mark_untidy()
        if self._reader is not None:
            self._reader.join(_STOP_SECONDS)


def _read_written(path: Path) -> dict[bytes, int]:
    with path.open(encoding="utf-8", errors="surrogateescape") as stream:
        return {os.fsencode(name): changed for name, changed in map(json.loads, stream)}


def _wait(process: subprocess.Popen[str]) -> None:
    """Wait for the end, without the pauses that Popen.wait makes. Raises TimeoutExpired."""
    if process.poll() is not None:
        return
    ended = os.pidfd_open(process.pid)
    try:
        if not select.select([ended], [], [], _STOP_SECONDS)[0]:
            raise subprocess.TimeoutExpired(process.args, _STOP_SECONDS)
    finally:
        os.close(ended)
    process.wait()


def _same_command(found: list[str], wanted: tuple[str, ...]) -> bool:
    """Tell whether a command is the wanted one; its program may have been found on some PATH."""
    if not found or not wanted:
        return not found and not wanted
    same_name = found[0].rpartition("/")[2] == wanted[0].rpartition("/")[2]
    return same_name and tuple(found[1:]) == wanted[1:]
