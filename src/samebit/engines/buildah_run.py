"""One `buildah build`, from its start to the tree that the runtime shim captures."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from samebit.engines.buildah_storage import Storage, ulimits
from samebit.engines.buildah_words import STEP_LINE, is_chatter, read_ending, split_closing
from samebit.engines.conditions import StepTrace
from samebit.engines.process_end import wait_for_end
from samebit.engines.protocol import EnginePlan, Progress, StepFailedError
from samebit.engines.shimmed_steps import ShimmedSteps
from samebit.model.rendering import Rendering

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
        self._steps = ShimmedSteps(plan, self._work)
        self._containers: Path | None = None
        self._closing = False

    @contextmanager
    def final_tree(self) -> Iterator[Rendering]:
        """Yield the final tree, mounted and complete. Raises StepFailedError, InternalError."""
        captured = None
        try:
            self._start()
            assert self._process is not None
            captured = self._steps.captured(self._process.pid, self._ended)
            self._finished = True
            self._steps.check_agreement()
            yield captured.rendering
        finally:
            if captured is not None:
                captured.close()
            self._stop()

    def commit(self, name: str) -> StepTrace:
        """Run to the end and tag the result. Raises StepFailedError, InternalError."""
        try:
            self._start(f"--tag={name}")
            assert self._process is not None
            if self._process.wait() != 0:
                raise self._failure()
            self._finished = True
            self._steps.check_agreement()
            return self.trace()
        finally:
            self._stop()

    def trace(self) -> StepTrace:
        """Say when each step ran, of those that have begun, and which a moved clock missed."""
        return self._steps.trace()

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
        # State of the engine's own, so that the next build finds what outlived a killed one.
        self._containers = self._storage.make_containers(self._runtime)
        storage = {
            "containers": str(self._storage.engine_containers),
            "layers": str(self._storage.engine_layers),
            "mount": "merged" if self._storage.driver == "overlay" else "",
        }
        return self._steps.write(self._runtime, self._containers, storage)

    def _ended(self) -> StepFailedError:
        assert self._process is not None
        self._process.wait()
        return self._failure()

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

    def _stop(self) -> None:
        with closing(self._steps):
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
            wait_for_end(process, _STOP_SECONDS)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            self._storage.mark_untidy()
        if self._reader is not None:
            self._reader.join(_STOP_SECONDS)
