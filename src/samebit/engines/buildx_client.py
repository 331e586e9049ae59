"""Calling buildx: what it is told of a plan, whoever's BuildKit does it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from samebit.engines.buildah_storage import ulimits
from samebit.engines.buildkit_layouts import Layouts
from samebit.engines.buildkit_run import BuildxRun, write_dockerfile
from samebit.engines.protocol import EnginePlan, Progress
from samebit.engines.tree_layout import write_tree_layout
from samebit.model.platform import Platform
from samebit.store.failure import machine_errors

# Below the directory that buildx is started in: its options take no path with `:`, `@` or `,`.
RESULT = "result"
TO_LAYOUT = f"--output=type=oci,tar=false,compression=uncompressed,dest={RESULT}"
NOWHERE = "--output=type=cacheonly"


@dataclass(frozen=True, slots=True)
class BuildxClient:
    """The program, what it always gets, its environment, and the images that it may name."""

    program: str
    options: tuple[str, ...]
    environment: Mapping[str, str]
    layouts: Layouts

    def start(
        self,
        plan: EnginePlan,
        work: Path,
        output: str,
        progress: Progress | None = None,
        *,
        more: Sequence[str] = (),
        failed: Callable[[], None] = lambda: None,
    ) -> BuildxRun:
        """Start a build of the plan's text in the new directory `work`. Raises MachineError.

        `failed` is as in BuildxRun, `more` are further options.
        """
        with machine_errors(f"cannot write to {work}"):
            recipe = write_dockerfile(work / "recipe", plan.dockerfile)
            contexts: dict[str, str] = {}
            for name, tree in plan.build_contexts.items():
                layout = work / f"layout-{len(contexts)}"
                digest = write_tree_layout(tree, layout, Platform.parse(plan.platform))
                contexts[name] = f"oci-layout://{layout.name}@{digest}"
            # A RUN may speak of such names, too.
            for name in filter(self.layouts.has, _images(plan.dockerfile)):
                layout = work / f"layout-{len(contexts)}"
                layout.symlink_to(self.layouts.path(name))
                contexts[name] = f"oci-layout://{layout.name}@{self.layouts.digest(name)}"
            # BuildKit knows files of the main context, which only ADD takes from, by its name.
            context = work / f"context-{secrets.token_hex(16)}"
            context.symlink_to(plan.context)
        command = [
            *(self.program, "build", "--progress=rawjson"),
            *self.options,
            "--no-cache",
            "--provenance=false",
            "--sbom=false",
            *ulimits(),
            *[f"--build-context={name}={value}" for name, value in sorted(contexts.items())],
            f"--platform={plan.platform}",
            *more,
            output,
            f"--file={recipe}",
            str(context),
        ]
        environment = {"HOME": str(work), "TMPDIR": str(work), **self.environment}
        return BuildxRun(command, environment, plan.dockerfile, work, progress, failed=failed)


def _images(dockerfile: str) -> list[str]:
    """Give the images that a lowered Dockerfile names."""
    found = set()
    for line in dockerfile.splitlines():
        for word in line.replace(",", " ").split(" "):
            name = word.removeprefix("--from=").removeprefix("from=")
            if name.startswith("localhost/samebit/"):
                found.add(name)
    return sorted(found)
