"""One `docker buildx build` of a lowered Dockerfile."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from samebit.engines.buildx_order import StepOrder
from samebit.engines.buildx_words import BuildxOutput, StepNumbers
from samebit.engines.leash import leashed
from samebit.engines.process_end import wait_for_end
from samebit.engines.protocol import Progress, StepFailedError

_STOP_SECONDS = 10.0


class BuildxRun:
    """A running buildx; end it with `stop`."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        dockerfile: str,
        folder: Path,
        progress: Progress | None,
        *,
        failed: Callable[[], None],
    ) -> None:
        """Start `command` in `folder`.

        `failed` is called when a step has failed, and maybe again.
        """
        self._output = BuildxOutput()
        self._steps = StepNumbers.of(dockerfile)
        self._progress = progress
        self._failed = failed
        self._quiet = False
        self._end = signal.SIGTERM
        self._order = StepOrder(self._steps)
        self.process = subprocess.Popen(
            leashed(*command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env=dict(environment),
            cwd=folder,
            # A terminal's interrupt must reach us first: we end the engine in order.
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def mute(self) -> None:
        """Tell nothing any more: what follows is the end that was asked for."""
        self._quiet = True

    def abandon(self) -> None:
        """Let `stop` end it at once: what it has asked of BuildKit is for nobody any more."""
        self._end = signal.SIGKILL

    def wait(self) -> None:
        """Wait for the end. Raises StepFailedError."""
        if self.process.wait() != 0:
            raise self.failure()

    def failure(self) -> StepFailedError:
        """Say why it ended, when it has."""
        self.process.wait()
        self._reader.join(_STOP_SECONDS)
        ending = self._output.ending()
        found = self._steps.position(ending.vertex) or self._steps.lines.get(ending.line)
        stage, step = found or (None, None)
        reason = ending.reason
        if ending.unlisted and found is not None:
            reason = f"the image has no {self._steps.unknown(found)}"
        return StepFailedError(
            stage,
            step,
            status=ending.status,
            output=ending.output,
            reason=reason,
            unstarted=ending.unstarted,
        )

    def stop(self) -> None:
        """End it, wherever it is."""
        self._quiet = True
        if self.process.poll() is None:
            os.killpg(self.process.pid, self._end)
            try:
                wait_for_end(self.process, _STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._reader.join(_STOP_SECONDS)

    def _read(self) -> None:
        stderr = self.process.stderr
        assert stderr is not None
        for line in stderr:
            started, printed = self._output.feed(line.rstrip("\n"))
            if self._output.errors:
                self._failed()
            if self._quiet or self._progress is None:
                continue
            for position in self._order.next(started, self._output.ended):
                self._progress.at(*position)
            for _, text in printed:
                self._progress.line(text)


def write_dockerfile(folder: Path, text: str) -> Path:
    """Write a Dockerfile beside which there is nothing."""
    folder.mkdir(parents=True)
    path = folder / "Dockerfile"
    path.write_text(text, "utf-8")
    return path
