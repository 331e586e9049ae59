"""BuildKit in a daemon that is someone else's: any builder of buildx, or a buildkitd's address.

No shim runs there, so that steps get no network at all, and what they find of the machine is the
daemon's. The result comes as layers, and what samebit makes of them is canonical as ever.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from pathlib import Path

from samebit.engines.buildkit_layouts import KeepsLayouts, Layouts
from samebit.engines.buildkit_programs import find_buildx
from samebit.engines.buildx_client import RESULT, TO_LAYOUT, BuildxClient
from samebit.engines.conditions import HOST_NAME, StepTrace
from samebit.engines.machine import install_advice
from samebit.engines.protocol import EnginePlan, FinalLayers, Progress, StepFailedError
from samebit.engines.step_mounts import private_directory
from samebit.errors import MachineError
from samebit.model.rendering import Rendering
from samebit.store.failure import machine_errors

# Of buildx's and docker's own settings, which say where builders are, and how to get there.
_PASSED = ("BUILDX_", "BUILDKIT_", "DOCKER_", "SSH_", "KUBECONFIG", "XDG_RUNTIME_DIR")
# buildx's drivers that hold no store of layers which could be written as a layout.
_NO_LAYOUT = "OCI exporter is not supported"


class ForeignBuildkit(KeepsLayouts):
    """BuildKit behind buildx; `builder` is a builder's name, or the address of a buildkitd."""

    name = "buildkit"
    concurrent = True
    shimmed = False
    groups_by_shim = False

    def __init__(self, home: Path, builder: str) -> None:
        """Find buildx; `home` is where the state lives. Raises MachineError without it."""
        found = find_buildx()
        if found is None:
            raise MachineError("buildx is not installed", fix=install_advice("buildx"))
        self._buildx = found
        self._builder = builder
        self._home = home
        super().__init__(Layouts(home / "layouts"))

    def needed(self) -> AbstractContextManager[None]:
        """Do nothing: it needs no start."""
        return nullcontext()

    @contextmanager
    def build(self, plan: EnginePlan, work: Path, progress: Progress) -> Iterator[FinalLayers]:
        """Run the plan in the private directory `work`; the layers lie there."""
        yield FinalLayers(self._run(plan, work, progress))

    def commit(self, plan: EnginePlan, work: Path, progress: Progress, name: str) -> StepTrace:
        """Run the plan and keep its result as the image `name`."""
        with machine_errors(f"cannot write to the engine's storage {self._home}"):
            self._layouts.folder.mkdir(parents=True, exist_ok=True)
            new = self._layouts.new()
        result = self._run(plan, work, progress)
        with machine_errors(f"cannot write to the engine's storage {self._home}"):
            shutil.move(result, new)
            self._layouts.settle(new, name)
        return StepTrace()

    @contextmanager
    def mounted(self, name: str | None) -> Iterator[Rendering]:
        """Refuse: nothing is mounted here. Raises MachineError."""
        raise MachineError(
            "copying a selection of a stage or image (--parents, --exclude, symbolic --chmod, a"
            " writable bind mount) needs its tree, which a builder of someone else's does not show",
            detail=f"asked of {name or 'scratch'}",
            fix="use --engine buildkit, with a daemon of samebit's own, or --engine buildah",
        )
        yield

    def _run(self, plan: EnginePlan, work: Path, progress: Progress) -> Path:
        work.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            options = stack.enter_context(_given(plan, work))
            client = BuildxClient(
                self._buildx, (*self._chosen(work), *_STEPS), self._environment(work), self._layouts
            )
            run = client.start(plan, work / "buildx", TO_LAYOUT, progress, more=options)
            stack.callback(run.stop)
            try:
                run.wait()
            except StepFailedError as failure:
                if _NO_LAYOUT in failure.reason:
                    raise MachineError(
                        f"the builder {self._builder!r} cannot write OCI layouts",
                        detail=failure.reason,
                        fix="let dockerd use containerd's image store (features:"
                        " containerd-snapshotter), or make another builder: docker buildx create",
                    ) from None
                raise
        return work / "buildx" / RESULT

    def _chosen(self, work: Path) -> tuple[str, ...]:
        """Give the option that names the builder; an address becomes one for this build."""
        if "://" not in self._builder:
            return (f"--builder={self._builder}",)
        done = subprocess.run(
            [
                *(self._buildx, "create", "--driver=remote", "--name=samebit"),
                self._builder,
            ],
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
            env=self._environment(work),
            stdin=subprocess.DEVNULL,
        )
        if done.returncode != 0:
            raise MachineError(
                f"buildx cannot use the builder at {self._builder}",
                detail=done.stderr.strip(),
                fix="check the address, as docker buildx create --driver=remote takes it",
            )
        return ("--builder=samebit",)

    def _environment(self, work: Path) -> dict[str, str]:
        found = {k: v for k, v in sorted(os.environ.items()) if k.startswith(_PASSED)}
        found["PATH"] = os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/sbin:/bin"
        found["HOME"] = os.environ.get("HOME", "/")
        found["BUILDX_GIT_INFO"] = "0"
        if "://" in self._builder:
            found["BUILDX_CONFIG"] = str(work / "builders")
        return found


_STEPS = ("--network=none", f"--build-arg=BUILDKIT_SANDBOX_HOSTNAME={HOST_NAME}")


@contextmanager
def _given(plan: EnginePlan, work: Path) -> Iterator[list[str]]:
    """Give the options for secrets and agents, whose files last as long as the context."""
    with private_directory(work) as private:
        options = []
        for number, (identity, value) in enumerate(sorted(plan.secrets.items())):
            path = private / f"secret-{number}"
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(value)
            options.append(f"--secret=id={identity},src={path}")
        for identity, source in sorted(plan.agents.items()):
            paths = [source.socket] if source.socket else source.keys
            options.append(f"--ssh={identity}={','.join(map(str, paths))}")
        yield options
