"""What lowering produces: the engine's Dockerfile, and the files it needs beside it.

The engine's main context is one private directory that holds `CONTEXT_DIRECTORY` (the staged build
context) and `FILES_DIRECTORY` (a directory for each material). The engine must also be given one
`--build-context NAME=PATH` for each of `Phase.build_contexts`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from samebit.dockerfile.syntax import Instruction
from samebit.errors import Place
from samebit.model.digest import Digest

CONTEXT_DIRECTORY = "context"
FILES_DIRECTORY = "samebit"
CONTEXT_NAME = "samebit-context"


@dataclass(frozen=True, slots=True)
class ContextSource:
    """A path or pattern that a step takes from the build context.

    `written` is as in the Dockerfile, expanded; `path` is cleaned, relative to the context, empty
    for the whole. `pattern` means that matching nothing is allowed. `step` is `<stage>/<ordinal>`,
    `index` counts the paths of a COPY or ADD, or the mounts of a RUN. `nested` means that the
    engine resolves it from the directory above, so that no symlink may lead through the root.
    """

    step: str
    index: int
    written: str
    path: str
    pattern: bool
    place: Place
    nested: bool = False


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What looking at the staged context told, as (step, index) of a ContextSource.

    `empty` are patterns that match nothing; `unusual` name or match entries whose names the engine
    would take for patterns. `archives` are what ADD unpacks, `mixed` the patterns that match
    archives and other things.
    """

    empty: frozenset[tuple[str, int]] = frozenset()
    unusual: frozenset[tuple[str, int]] = frozenset()
    archives: frozenset[tuple[str, int]] = frozenset()
    mixed: frozenset[tuple[str, int]] = frozenset()


class TreeKind(enum.Enum):
    """What kind of tree a selection is taken from."""

    CONTEXT = "context"
    STAGE = "stage"
    IMAGE = "image"


@dataclass(frozen=True, slots=True)
class TreeRef:
    """A tree to select from: the staged context, or an image in the engine's storage.

    `image` is the engine's name: of a stage, committed by an earlier phase, or of a base.
    """

    kind: TreeKind
    image: str = ""


class Layout(enum.Enum):
    """How a selection lies in its directory.

    MERGED: what COPY would put into a destination directory. NAMED: under the source's own name,
    for a single source whose destination may be a file name. WHOLE: the one source itself, as the
    directory's entry `content`, for a writable mount.
    """

    MERGED = "merged"
    NAMED = "named"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True)
class InlineFile:
    """A heredoc of COPY or ADD, or a script of RUN: write `content` with `mode`."""

    directory: str
    name: str
    content: bytes
    mode: int
    place: Place


@dataclass(frozen=True, slots=True)
class FetchUrl:
    """ADD of a URL: its body becomes `name` with `mode`; `checksum` is what it must have."""

    directory: str
    name: str
    url: str
    checksum: Digest | None
    mode: int
    step: str
    place: Place


@dataclass(frozen=True, slots=True)
class FetchGit:
    """ADD of a git repository: the checkout of `ref` (default: the remote's HEAD), or its `subdir`.

    `checksum` is the commit, or its first digits, that `ref` must have.
    """

    directory: str
    remote: str
    ref: str | None
    subdir: str
    checksum: str | None
    keep_git_dir: bool
    submodules: bool
    exclude: tuple[str, ...]
    chmod: str | None
    step: str
    place: Place


@dataclass(frozen=True, slots=True)
class Selection:
    """COPY or ADD that the engine cannot do itself, done by `context.sources.materialise`.

    `sources` are paths or patterns from the root of `tree`. `directory_only`: the destination was
    written without a slash, so a pattern must not match files.
    """

    directory: str
    tree: TreeRef
    sources: tuple[str, ...]
    layout: Layout
    place: Place
    parents: bool = False
    exclude: tuple[str, ...] = ()
    chmod: str | None = None
    directory_only: bool = False
    refuse_archives: bool = False


Material = InlineFile | FetchUrl | FetchGit | Selection


@dataclass(frozen=True, slots=True)
class StepMount:
    """A mount of a RUN: `kind` is bind, cache, prepared, tmpfs, secret or ssh.

    `option` is the engine's --mount value, empty where the runtime shim makes the mount. `target`
    is absolute, empty for a secret that is only a `variable`. `id` is the user's, of a secret, ssh
    or cache, and the path in the plan's context of what is prepared. `mode`, `uid` and `gid` are
    None for the default; `size` is in bytes. `placeholder` is where the engine makes the mount of
    `option`, for the shim to move it to `target`.
    """

    kind: str
    target: str
    option: str = ""
    id: str = ""
    required: bool = False
    read_only: bool = False
    mode: int | None = None
    uid: int | None = None
    gid: int | None = None
    size: int | None = None
    variable: str = ""
    placeholder: str = ""


@dataclass(frozen=True, slots=True)
class RunStep:
    """One RUN: what the shim needs to know. `id` is `<stage>/<ordinal>`.

    `environment` is complete and in order. `network` is none, host or default; `security` is
    sandbox or insecure. `user` is as USER gave it, empty for the engine's default. `after` is the
    RUN of another stage that must have ended before, empty where the engine sees to that.
    """

    id: str
    args: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    cwd: str
    user: str
    network: str
    security: str
    mounts: tuple[StepMount, ...]
    instruction: Instruction
    place: Place
    after: str = ""


@dataclass(frozen=True, slots=True)
class Phase:
    """One run of the engine. `image` names what it must commit; None for the last, the result.

    `materials` must be in place before it starts. `origins` holds, for each line of `text`, the
    instruction it comes from.
    """

    text: str
    origins: tuple[Instruction | None, ...]
    image: str | None
    materials: tuple[Material, ...]
    build_contexts: tuple[tuple[str, str], ...]

    def origin(self, line: int) -> Instruction | None:
        """Give the instruction behind a line (from 1) of `text`; None for lines of our own."""
        return self.origins[line - 1] if 0 < line <= len(self.origins) else None

    def without(self, directory: str) -> Phase:
        """Leave out the COPY of a material, by its directory."""
        texts, origins = [], []
        dropping = False
        for line, origin in zip(self.text.splitlines(), self.origins, strict=True):
            dropping = dropping or line.startswith(f"COPY --from=samebit-{directory} ")
            if not dropping:
                texts.append(f"{line}\n")
                origins.append(origin)
            dropping = dropping and line.endswith("\\")
        return replace(self, text="".join(texts), origins=tuple(origins))

    def at_step(self, stage: int, step: int) -> Instruction | None:
        """Give the instruction that the engine calls `[stage/…] STEP step/…`, both from 1.

        With a single stage the engine prints no stage; it is 1.
        """
        continued = False
        at = [0, 0]
        for line, origin in zip(self.text.splitlines(), self.origins, strict=True):
            if not continued:
                at = [at[0] + 1, 1] if line.startswith("FROM ") else [at[0], at[1] + 1]
                if at == [stage, step]:
                    return origin
            continued = line.endswith("\\")
        return None


@dataclass(frozen=True, slots=True)
class LoweredPlan:
    """All engine runs of a build, nearly always one. `steps` maps a RUN's id to what it does.

    `bases` are the engine names of all base images that are used.
    """

    phases: tuple[Phase, ...]
    steps: dict[str, RunStep]
    bases: tuple[str, ...]

    @property
    def text(self) -> str:
        """The Dockerfile of the last engine run."""
        return self.phases[-1].text

    def origin(self, line: int) -> Instruction | None:
        """Give the instruction behind a line of the last engine run's Dockerfile."""
        return self.phases[-1].origin(line)
