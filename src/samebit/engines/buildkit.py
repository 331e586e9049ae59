"""BuildKit in a daemon of samebit's own, whose OCI runtime is the shim.

Trees are read where they are mounted for a step, as with buildah: a step that the shim recognises
shows the final tree, and what the final stage stands on: the lowest of the layers below that tree,
or a mount of the step.
"""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from samebit.engines import shim
from samebit.engines.buildkit_daemon import Daemon
from samebit.engines.buildkit_layouts import KeepsLayouts, Layouts
from samebit.engines.buildkit_programs import own_programs
from samebit.engines.buildx_client import NOWHERE, BuildxClient
from samebit.engines.conditions import StepTrace
from samebit.engines.probe_image import exit_program
from samebit.engines.protocol import EnginePlan, FinalTree, Progress, StepFailedError, StepRun
from samebit.engines.runtime_choice import find_other_runtime
from samebit.engines.shimmed_steps import CapturedTree, ShimmedSteps
from samebit.engines.tree_layout import write_tree_layout
from samebit.errors import MachineError
from samebit.model.platform import Platform
from samebit.model.rendering import Rendering
from samebit.store.failure import machine_errors

_FROM = re.compile(r"(?m)^FROM (\S+) AS (\S+)$")
_CAPTURE = '["samebit-capture"]\n'
_SHOW = f"USER 0:0\nENV SAMEBIT_STEP={shim.CAPTURE}\nRUN {_CAPTURE}"
_TRIAL = 'FROM scratch\nCOPY true /true\nENV SAMEBIT_STEP=1/1\nRUN ["/true"]\n'


class Buildkit(KeepsLayouts):
    """The BuildKit engine over state of samebit's own."""

    name = "buildkit"
    concurrent = True
    shimmed = True
    groups_by_shim = True

    def __init__(
        self,
        home: Path,
        driver: str | None = None,
        *,
        runtime: str | None = None,
        environment: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Find the programs; `home` is where the state lives. Raises MachineError without them.

        `driver` is `overlay`, the default, or `vfs`. `runtime` is the path of the OCI runtime,
        `environment` comes on top of the engine's.
        """
        self.home = home
        self.driver = driver or "overlay"
        self._programs = own_programs(runtime)
        self._extra = environment
        super().__init__(Layouts(home / "layouts"))
        self._daemon: Daemon | None = None
        self._needed = False
        self._shown = itertools.count()

    @property
    def program(self) -> str:
        """The path of its program."""
        return self._programs.dockerd

    def runtime(self) -> str:
        """Give the path of the OCI runtime in use."""
        return self._programs.runtime

    def other_runtime(self) -> str:
        """Give the path of another OCI runtime that works here, else why there is none."""
        self._end_daemon()
        with machine_errors(f"cannot write to the engine's storage {self.home}"):
            (self.home / "tmp").mkdir(parents=True, exist_ok=True)
            return find_other_runtime(self.runtime(), self.home, self.driver, self._try_runtime)

    @contextmanager
    def needed(self) -> Iterator[None]:
        """Start the daemons while what is to be built is prepared; they end with the context.

        Where another build uses them, nobody waits before there is something to build.
        """
        before, self._needed = self._needed, True
        try:
            with suppress(BlockingIOError):
                self._daemons(wait=False)
            yield
        finally:
            self._needed = before
            self._end_daemon()

    @contextmanager
    def build(self, plan: EnginePlan, work: Path, progress: Progress) -> Iterator[FinalTree]:
        """Run the plan in the private directory `work`; yields while the final tree is mounted."""
        layers = self._base_layers(plan)
        shown = plan if layers or plan.base is None else _with_base(plan, plan.base)
        with (
            self._running(last=True) as daemon,
            self._captured(daemon, shown, work, progress, layers, last=True) as (steps, tree),
        ):
            yield FinalTree(
                tree.base or _empty(work),
                tree.rendering,
                breaks_links=self.driver == "overlay",
                trace=steps.trace(),
            )

    def commit(self, plan: EnginePlan, work: Path, progress: Progress, name: str) -> StepTrace:
        """Run the plan and keep its result as the image `name`.

        Its tree becomes one layer: in those that BuildKit writes attributes of files are missing.
        """
        shown = replace(plan, dockerfile=plan.dockerfile + _SHOW)
        with (
            self._running(last=False) as daemon,
            self._captured(daemon, shown, work, progress) as (steps, tree),
            machine_errors(f"cannot write to the engine's storage {self.home}"),
        ):
            new = self._layouts.new()
            root = Path(os.fsdecode(tree.rendering.root))
            write_tree_layout(root, new, Platform.parse(plan.platform))
            self._layouts.settle(new, name)
            return steps.trace()

    @contextmanager
    def mounted(self, name: str | None) -> Iterator[Rendering]:
        """Show an image, or the empty one, while the context lasts. Raises MachineError."""
        with self._running(last=False) as daemon, ExitStack() as stack:
            work = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=self.home / "tmp")))
            # BuildKit takes equal steps of several builds for one, and this one does not end.
            number = next(self._shown)
            plan = EnginePlan(
                dockerfile=f"FROM {name or 'scratch'}\nENV SAMEBIT_SHOWN={number}\n{_SHOW}",
                context=work,
                build_contexts={},
                steps={},
                base=name,
                platform=str(Platform.native()),
                set_if_absent={},
                caches=work,
            )
            try:
                _, tree = stack.enter_context(self._captured(daemon, plan, work / "image"))
            except StepFailedError as failure:
                raise MachineError("BuildKit cannot open an image", detail=failure.reason) from None
            yield tree.rendering

    def _try_runtime(self, runtime: str) -> str | None:
        """Build an image with a RUN through the runtime at that path; gives why that fails.

        Raises MachineError for what has nothing to do with the runtime.
        """
        program = exit_program()
        if program is None:
            return None
        trial = Buildkit(self.home, self.driver, runtime=runtime, environment=self._extra)
        with (
            trial._running(last=True) as daemon,
            tempfile.TemporaryDirectory(dir=self.home / "tmp") as made,
        ):
            work = Path(made)
            context = work / "context"
            context.mkdir()
            (context / "true").write_bytes(program)
            (context / "true").chmod(0o755)
            plan = EnginePlan(
                dockerfile=_TRIAL + _SHOW,
                context=context,
                build_contexts={},
                steps={"1/1": StepRun(args=("/true",), env=(), cwd="/")},
                base=None,
                platform=str(Platform.native()),
                set_if_absent={},
                caches=work,
            )
            try:
                with trial._captured(daemon, plan, work / "build"):
                    return None
            except StepFailedError as failure:
                return failure.reason or f"status {failure.status}"

    @contextmanager
    def _captured(
        self,
        daemon: Daemon,
        plan: EnginePlan,
        work: Path,
        progress: Progress | None = None,
        base_layers: int = 0,
        *,
        last: bool = False,
    ) -> Iterator[tuple[ShimmedSteps, CapturedTree]]:
        """Run the plan up to the step that shows its tree, and waits while the context lasts.

        After the `last` the daemons are to end, too.
        """
        with ExitStack() as stack:
            work.mkdir(parents=True)
            steps = stack.enter_context(closing(ShimmedSteps(plan, work)))
            runtime, containers = self._programs.runtime, daemon.containers
            daemon.obey(steps.write(runtime, containers, runs=True, base_layers=base_layers))
            # The wrapper goes with `work`.
            stack.callback(daemon.obey, Path(runtime))
            # BuildKit waits for what waits in the shim, whatever has failed.
            run = self._client(daemon).start(
                plan, work / "result", NOWHERE, progress, failed=steps.stop_waiting
            )
            stack.callback(run.stop)
            daemon.wait()
            stack.callback(steps.stop_waiting)
            tree = steps.captured(run.process.pid, run.failure)
            stack.callback(tree.close)
            run.mute()
            if last:
                run.abandon()
            steps.check_agreement()
            yield steps, tree

    def _base_layers(self, plan: EnginePlan) -> int:
        """Tell how many of the layers below the final tree are the base's.

        0 where the base is to be mounted, which makes BuildKit read all of it: over vfs, and for a
        final stage that stands on one that was committed.
        """
        if plan.base is None or self.driver != "overlay":
            return 0
        stages = {name: image for image, name in _FROM.findall(plan.dockerfile)}
        image = list(stages.values())[-1] if stages else ""
        while image in stages:
            image = stages[image]
        if image != plan.base:
            return 0
        with machine_errors(f"cannot read the engine's storage {self.home}"):
            return self._layouts.layers(image)

    @contextmanager
    def _running(self, *, last: bool) -> Iterator[Daemon]:
        """Give the running daemon; it goes on after what is not the last of a build.

        After the last nobody waits for its end who is in `needed`.
        """
        try:
            yield self._daemons()
        except BaseException:
            self._end_daemon()
            raise
        if last and self._needed and self._daemon is not None:
            self._daemon.end()
        elif last:
            self._end_daemon()

    def _daemons(self, *, wait: bool = True) -> Daemon:
        if self._daemon is not None and self._daemon.ending:
            self._end_daemon()
        if self._daemon is None:
            self._daemon = Daemon(self._programs, self.home, self.driver, wait=wait)
            with machine_errors(f"cannot write to the engine's storage {self.home}"):
                self._layouts.clear()
        return self._daemon

    def _end_daemon(self) -> None:
        if self._daemon is not None:
            self._daemon.close()
            self._daemon = None

    def _client(self, daemon: Daemon) -> BuildxClient:
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "DOCKER_HOST": daemon.address,
            "DOCKER_CONFIG": str(self.home / "tmp" / "docker"),
            "BUILDX_CONFIG": str(self.home / "tmp" / "buildx"),
            "BUILDX_GIT_INFO": "0",
            **dict(self._extra),
        }
        # The shim gives steps the network that they may have.
        options = ("--network=host",)
        return BuildxClient(self._programs.buildx, options, environment, self._layouts)


def _with_base(plan: EnginePlan, base: str) -> EnginePlan:
    """Let the step that shows the final tree have the final stage's base mounted."""
    assert plan.dockerfile.endswith(f"RUN {_CAPTURE}")
    before = plan.dockerfile.removesuffix(_CAPTURE)
    mount = f"--mount=type=bind,from={base},target={shim.BASE_AT}"
    return replace(plan, dockerfile=f"{before}{mount} {_CAPTURE}")


def _empty(work: Path) -> Rendering:
    """Give the root that BuildKit makes for `FROM scratch`."""
    root = work / "scratch"
    root.mkdir()
    root.chmod(0o755)
    return Rendering(os.fsencode(root), overlay=False)
