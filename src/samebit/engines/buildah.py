"""buildah, 1.28 and later: found on the machine, with storage of its own.

The final stage ends in a step that the runtime shim recognises: there the tree is complete and
mounted, is read in place, and the engine never spends time on committing and compressing it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from samebit.engines.buildah_run import Run
from samebit.engines.buildah_storage import disk_full, is_disk_full, open_storage, tail
from samebit.engines.conditions import StepTrace
from samebit.engines.isolation import choose_runtime, other_runtime
from samebit.engines.opened_image import base_opened, close_image, open_image, storage_failure
from samebit.engines.protocol import EnginePlan, FinalTree, Progress, StepFailedError
from samebit.errors import InputError
from samebit.model.rendering import Rendering

_T = TypeVar("_T")

_ATTEMPTS = 4
_LOST_LAYER = ": layer not known"


class Buildah:
    """The buildah engine over a storage root of samebit's own."""

    name = "buildah"
    concurrent = False
    shimmed = True
    groups_by_shim = False

    def __init__(
        self,
        home: Path,
        program: str = "buildah",
        driver: str | None = None,
        *,
        runtime: str | None = None,
        environment: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Find buildah; `home` is where its storage lives. Raises MachineError when there is none.

        `driver` is `overlay` or `vfs`; by default overlay where it works. `runtime` is the path of
        the OCI runtime, by default one that works. `environment` comes on top of the engine's.
        """
        self._storage = replace(open_storage(home, program, driver), extra=environment)
        self._runtime = runtime
        # Images that this build alone uses: the storage is in use for as long as they are there.
        self._committed: dict[str, ExitStack] = {}

    @property
    def driver(self) -> str:
        """The storage driver in use."""
        return self._storage.driver

    @property
    def home(self) -> Path:
        """The folder of its storage."""
        return self._storage.home

    @property
    def program(self) -> str:
        """The path of its program."""
        return self._storage.program

    def runtime(self) -> str:
        """Give the OCI runtime in use. Raises MachineError when none works here."""
        return self._runtime or choose_runtime(self._storage)

    def other_runtime(self) -> str:
        """Give the path of another OCI runtime that works here, else why there is none."""
        return other_runtime(self._storage, self.runtime())

    def has_image(self, name: str) -> bool:
        """Tell whether the storage has an image of that name."""
        done = self._storage.call(
            "inspect", "--type", "image", "--format", "{{.FromImageID}}", name
        )
        return done.returncode == 0

    def import_base(self, name: str, layout: Path) -> None:
        """Import the only image of the OCI layout at `layout` under `name`."""
        with self._storage.in_use():
            # By a relative path: buildah makes a name of it, and not every path is a name.
            done = self._storage.call(
                "pull",
                "--quiet",
                self._storage.policy(),
                f"oci:{layout.name}",
                cwd=layout.parent,
                leashed=True,
            )
            if done.returncode != 0 and is_disk_full(done.stderr):
                raise disk_full(self._storage.home, done.stderr)
            if done.returncode != 0:
                raise InputError(
                    "buildah cannot import the base image",
                    detail=tail(done.stderr),
                    fix="run the build again; if that fails too, the image itself is damaged",
                )
            done = self._storage.call("tag", done.stdout.split()[-1], name)
            if done.returncode != 0:
                raise storage_failure(
                    self._storage, "buildah cannot name the base image", done.stderr
                )

    def needed(self) -> AbstractContextManager[None]:
        """Do nothing: it needs no start."""
        return nullcontext()

    @contextmanager
    def build(self, plan: EnginePlan, work: Path, progress: Progress) -> Iterator[FinalTree]:
        """Run the plan in the private directory `work`; yields while the final tree is mounted."""
        with self._storage.in_use(), ExitStack() as stack:
            runtime = self.runtime()
            # While the engine runs, which spends much of its time waiting.
            base = stack.enter_context(base_opened(self._storage, plan.base, work))

            def start(place: Path) -> tuple[Rendering, StepTrace]:
                run = Run(self._storage, runtime, plan, place, progress)
                return stack.enter_context(run.final_tree()), run.trace()

            final, trace = _undisturbed(start, work)
            breaks_links = self.driver == "overlay"
            yield FinalTree(base.rendering(), final, breaks_links=breaks_links, trace=trace)
            base.close_soon()

    def commit(self, plan: EnginePlan, work: Path, progress: Progress, name: str) -> StepTrace:
        """Run the plan and keep its result as the image `name`."""
        with ExitStack() as stack:
            stack.enter_context(self._storage.in_use())
            runtime = self.runtime()
            trace = _undisturbed(
                lambda place: Run(self._storage, runtime, plan, place, progress).commit(name), work
            )
            self._committed[name] = stack.pop_all()
            return trace

    def remove(self, name: str) -> None:
        """Remove an image; absent is fine."""
        if self._storage.call("rmi", "--force", name).returncode != 0:
            self._storage.mark_untidy()
        kept = self._committed.pop(name, None)
        if kept is not None:
            kept.close()

    @contextmanager
    def mounted(self, name: str | None) -> Iterator[Rendering]:
        """Mount an image, or the empty one, while the context lasts. Raises MachineError."""
        with self._storage.in_use():
            opened = open_image(self._storage, name)
            try:
                yield opened.rendering
            finally:
                close_image(self._storage, opened)


def _undisturbed(start: Callable[[Path], _T], work: Path) -> _T:
    """Run an engine in a directory below `work`; again, where its neighbour was in the way.

    Stages of equal content are one layer in the storage. Between finding it there and naming it, a
    build beside this one may end and remove it. Raises StepFailedError.
    """
    for attempt in range(_ATTEMPTS - 1):
        try:
            return start(work / f"attempt-{attempt}")
        except StepFailedError as failure:
            if failure.status is not None or not failure.reason.endswith(_LOST_LAYER):
                raise
    return start(work / f"attempt-{_ATTEMPTS - 1}")
