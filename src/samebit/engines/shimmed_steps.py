"""The runtime shim's side of one engine run: its plan, where it reports to, what it reported."""

from __future__ import annotations

import itertools
import json
import os
import selectors
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

from samebit.engines import shim
from samebit.engines.conditions import StepRecord, StepTrace
from samebit.engines.protocol import EnginePlan
from samebit.engines.runtime_wrapper import write_wrapper
from samebit.engines.step_conditions import shim_conditions
from samebit.engines.step_mounts import MountSources, private_directory
from samebit.errors import InternalError
from samebit.model.rendering import Rendering

# The host's own name must resolve: sudo and Java complain otherwise.
_HOSTS = "127.0.0.1\tlocalhost {}\n::1\tlocalhost ip6-localhost ip6-loopback\n"
_NOWHERE = {"containers": "", "layers": "", "mount": ""}


class CapturedTree:
    """The root file system of a step that waits until this is closed.

    `base` is what the step has mounted as that which its tree stands on, None where it has nothing.
    """

    def __init__(
        self, connection: socket.socket, descriptors: Sequence[int], told: Mapping[str, str]
    ) -> None:
        self._connection = connection
        self._descriptors = descriptors
        # Of one layer the base is that layer's directory. It takes part in the overlay, whose
        # untouched directories have its inodes: the two can be compared as overlays are.
        overlay = told["filesystem"] == "overlay"
        roots = [b"/proc/self/fd/%d/." % each for each in descriptors]
        self.rendering = Rendering(roots[0], overlay)
        self.base = Rendering(roots[1], overlay) if len(roots) > 1 else None

    def close(self) -> None:
        """Let the step end; the renderings are gone."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._connection.close()


class ShimmedSteps:
    """Lets the steps of `plan` run through the shim; `work` is a private directory."""

    def __init__(self, plan: EnginePlan, work: Path) -> None:
        self._plan = plan
        self._work = work
        self._resources = ExitStack()
        self._listener = self._resources.enter_context(
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        )
        # Through a descriptor, because socket addresses hold 107 bytes.
        directory = os.open(work, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self._listener.bind(f"/proc/self/fd/{directory}/capture")
        finally:
            os.close(directory)
        self._listener.listen(2)

    def stop_waiting(self) -> None:
        """End the steps that wait for others."""
        with suppress(FileNotFoundError):
            (self._work / "state" / shim.STOPPED).touch()

    def close(self) -> None:
        """Remove what nobody may find afterwards. Not before the engine has ended."""
        self._resources.close()

    def write(
        self,
        runtime: str,
        containers: Path,
        storage: Mapping[str, str] = _NOWHERE,
        *,
        runs: bool = False,
        base_layers: int = 0,
    ) -> Path:
        """Write what the engine calls as its runtime; gives its path.

        `runtime` is the real one, `containers` where it keeps its state. `storage` tells where
        buildah keeps its notes: `containers`, `layers`, and `mount` below a layer. `runs` is for an
        engine that calls `run` where others call `create` and `start`, BuildKit. `base_layers` are
        how many of the lowest layers below the final tree are the base's, 0 when that cannot be
        said. Raises MachineError.
        """
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
            "runtime": runtime,
            "socket": str(self._work / "capture"),
            "log": str(self._log),
            "state": str(state),
            **storage,
            "hostname": conditions.host_name,
            "conditions": shim_conditions(conditions),
            "traced": dict(self._plan.traced),
            "since": state.stat().st_ctime_ns,
            "set_if_absent": dict(self._plan.set_if_absent),
            "replaced": replaced,
            "bound": {i: str(path) for i, path in network.files.items()} if network else {},
            "companions": [(p, i, str(f)) for p, i, f in network.companions] if network else [],
            "base_layers": base_layers,
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
                    "user": int(step.user) if runs and step.user.isdigit() else None,
                    "after": step.after,
                }
                for marker, step in self._plan.steps.items()
            },
        }
        # It holds build arguments and secret variables.
        path = private / "plan.json"
        path.write_text(json.dumps(plan), "utf-8")
        return write_wrapper(
            self._work,
            runtime=runtime,
            containers=containers,
            state=state,
            plan=path,
            varied=bool(plan["conditions"] or plan["traced"]),
            restricts=bool(conditions.processors or conditions.first_process or conditions.seconds),
            runs=runs,
        )

    def captured(self, engine: int, failure: Callable[[], Exception]) -> CapturedTree:
        """Wait until a step shows its tree.

        `engine` is the engine's process; when it ends before, what `failure` gives is raised.
        """
        ended = os.pidfd_open(engine)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(self._listener, selectors.EVENT_READ)
                selector.register(ended, selectors.EVENT_READ)
                while True:
                    ready = {key.fileobj for key, _ in selector.select()}
                    if self._listener in ready:
                        connection, _ = self._listener.accept()
                        message, descriptors, _, _ = socket.recv_fds(connection, 4096, 2)
                        if descriptors:
                            return CapturedTree(connection, descriptors, json.loads(message))
                        connection.close()
                    elif ended in ready:
                        raise failure()
        finally:
            os.close(ended)

    def trace(self) -> StepTrace:
        """Say when each step ran, of those that have begun, and which a moved clock missed."""
        noted = self.noted()
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

    def noted(self) -> list[dict[str, Any]]:
        """Give what the shim wrote down, one entry for each that it told."""
        if not self._log.exists():
            return []
        return [json.loads(line) for line in self._log.read_text("utf-8").splitlines()]

    def check_agreement(self) -> None:
        """Compare what the engine was about to run with what the evaluator computed."""
        for noted in self.noted():
            if "args" not in noted:
                continue
            wanted = self._plan.steps[noted["step"]].args
            if not _same_command(noted["args"], wanted):
                raise InternalError(
                    f"the engine ran {noted['args']!r} where the evaluator computed {list(wanted)}",
                    fix="please report this together with the Dockerfile",
                )

    @property
    def _log(self) -> Path:
        return self._work / "steps.jsonl"

    def _written(self) -> list[tuple[int, Path]]:
        state = self._work / "state"
        return [(stage, state / f"written-{stage}.jsonl") for stage in self._plan.traced.values()]


def _read_written(path: Path) -> dict[bytes, int]:
    with path.open(encoding="utf-8", errors="surrogateescape") as stream:
        return {os.fsencode(name): changed for name, changed in map(json.loads, stream)}


def _same_command(found: list[str], wanted: tuple[str, ...]) -> bool:
    """Tell whether a command is the wanted one; its program may have been found on some PATH."""
    if not found or not wanted:
        return not found and not wanted
    same_name = found[0].rpartition("/")[2] == wanted[0].rpartition("/")[2]
    return same_name and tuple(found[1:]) == wanted[1:]
