"""What lowering carries along: names of trees, numbered material directories, build contexts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from posixpath import join, normpath

from samebit.dockerfile.evaluate import Step
from samebit.dockerfile.lowering_model import (
    CONTEXT_DIRECTORY,
    CONTEXT_NAME,
    FILES_DIRECTORY,
    Material,
    RunStep,
    SourceFacts,
    TreeKind,
    TreeRef,
)
from samebit.dockerfile.stages import Base, External, StageBase
from samebit.errors import DockerfileError, InternalError, Place


@dataclass(frozen=True, slots=True)
class LoweringOptions:
    """What the caller decides.

    `bases` gives the engine's name of each outside image. `stage_images` is the prefix of the names
    under which phases commit stages; it must be unique to the build. `capture` ends the result with
    the step that the shim reads the tree in. `environment_in_dockerfile` is for chroot isolation,
    where no shim runs; `set_if_absent` is then what each RUN finds besides, and `cache_scope` keeps
    the caches of one build from those of others. `sources` is what `check_sources` found.
    `selected` are steps (by their id) of `with_patterns` whose copying samebit does itself, because
    the engine could not. `ordered` is for an engine that else runs steps of several stages at the
    same time. `groups_by_shim` is for one that cannot look up a user's groups in
    an image without users, `root_unsaid` for one that cannot look up root's there, unless no USER
    is said.
    """

    bases: Mapping[External, str]
    stage_images: str = "localhost/samebit/stage:0"
    capture: bool = True
    environment_in_dockerfile: bool = False
    set_if_absent: Mapping[str, str] = field(default_factory=dict)
    cache_scope: str = ""
    sources: SourceFacts = field(default_factory=SourceFacts)
    selected: frozenset[str] = frozenset()
    ordered: bool = False
    groups_by_shim: bool = False
    root_unsaid: bool = False


@dataclass(slots=True)
class State:
    """Shared by the lowering of all steps of a build."""

    options: LoweringOptions
    split: bool
    materials: list[Material] = field(default_factory=list)
    contexts: dict[str, str] = field(default_factory=dict)
    bases: dict[str, None] = field(default_factory=dict)
    steps: dict[str, RunStep] = field(default_factory=dict)
    helpers: list[list[str]] = field(default_factory=list)
    caches: dict[tuple[str, TreeRef, str], str] = field(default_factory=dict)
    _count: int = 0

    def directory(self) -> str:
        """Give the next material's directory."""
        self._count += 1
        return str(self._count - 1)

    def helper_stage(self, line: str) -> str:
        """Have the engine do one instruction on the empty image first; gives that stage's name."""
        self._count += 1
        name = f"h{self._count - 1}"
        self.helpers.append([f"FROM scratch AS {name}", line])
        return name

    def context_name(self, directory: str) -> str:
        """Give the build context's name of a material's directory, and pass it to the engine."""
        name = f"samebit-{directory}"
        self.contexts[name] = f"{FILES_DIRECTORY}/{directory}"
        return name

    def build_context(self) -> str:
        """Give the name of the staged context, and pass it to the engine."""
        self.contexts[CONTEXT_NAME] = CONTEXT_DIRECTORY
        return CONTEXT_NAME

    def base_image(self, image: External) -> str:
        """Give the engine's name of an outside image."""
        if image not in self.options.bases:
            raise InternalError(f"lowering without the image {image.reference}")
        name = self.options.bases[image]
        self.bases[name] = None
        return name

    def stage_image(self, index: int) -> str:
        """Give the name under which a phase commits a stage."""
        return f"{self.options.stage_images}-s{index}"

    def from_name(self, base: Base | None, place: Place, what: str) -> str:
        """Give what `from=` is in the engine's Dockerfile."""
        if base is None:
            return self.build_context()
        if isinstance(base, StageBase):
            return self.stage_image(base.index) if self.split else f"s{base.index}"
        if isinstance(base, External):
            return self.base_image(base)
        raise DockerfileError(f"{what}: the empty image scratch holds nothing", where=place)

    def tree(self, base: Base | None, place: Place, what: str) -> TreeRef:
        """Give the tree that a Selection is taken from."""
        if base is None:
            return TreeRef(TreeKind.CONTEXT)
        if isinstance(base, StageBase):
            return TreeRef(TreeKind.STAGE, self.stage_image(base.index))
        return TreeRef(TreeKind.IMAGE, self.from_name(base, place, what))


def step_id(step: Step) -> str:
    """Give `<stage>/<ordinal>`, which names a step everywhere outside the Dockerfile."""
    return f"{step.instruction.stage}/{step.instruction.ordinal}"


def cleaned(path: str) -> str:
    """Normalise a source path as docker does: relative to the root, never above it."""
    return normpath("/" + path).strip("/")


def absolute(path: str, working_dir: str) -> str:
    """Make a destination absolute, keeping the slash that says it is a directory."""
    directory = path in ("", ".", "./") or path.endswith(("/", "/."))
    result = "/" + normpath(join(working_dir, path)).strip("/")
    return result + "/" if directory and result != "/" else result


def has_wildcards(path: str) -> bool:
    """Whether filepath.Match would treat a component as more than a name."""
    return re.search(r"[*?\[]", re.sub(r"\\.", "", path, flags=re.DOTALL)) is not None
