"""What an image's bytes are for, and which of them could go: facts only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """What brought files: an instruction, or a layer where that does not tell instructions apart.

    `layer` is the layer's position from 0. `created_by` is the instruction's text, or the history's
    text of the layer; empty where nothing is known. `where` is `PATH:LINE` of the Dockerfile, where
    the build's own record tells it. `instructions` counts those that may have written to the layer:
    with more than one, `created_by` is only the last of them; 0 where nobody says.
    """

    layer: int
    created_by: str = ""
    where: str = ""
    instructions: int = 0


@dataclass(frozen=True, slots=True)
class SourceShare:
    """The bytes of files that a source brought, and those of them that the final tree shows."""

    source: Source
    files: int
    size: int
    visible: int


@dataclass(frozen=True, slots=True)
class PackageShare:
    """A package, or what belongs to none (then `manager` and `name` are empty).

    `sources` are numbers of the sources that brought it.
    """

    manager: str
    name: str
    version: str
    files: int
    size: int
    sources: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Dispensable:
    """Files of one kind that a running container seldom needs.

    `sources` are numbers of the sources that brought them, `examples` some of the largest.
    """

    kind: str
    meaning: str
    files: int
    size: int
    sources: tuple[int, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Files with the same content; `size` is that of one of them.

    `sources` are numbers of the sources that brought them.
    """

    size: int
    paths: tuple[str, ...]
    sources: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OverwrittenFile:
    """A file that lies in a layer and that a later one replaced or removed.

    `source` is the number of the source that brought it, `by` of the one that replaced it, None
    where it was removed.
    """

    path: str
    size: int
    source: int
    by: int | None = None


@dataclass(frozen=True, slots=True)
class Needs:
    """What would have to be copied onto scratch for the entrypoint to start.

    `command` is the entrypoint's first word, empty when the image says none. `missing` could not
    be found. `interpreted` says that a script or an interpreter runs, whose own files are unknown.
    `data` are files that programs often read besides (certificates, time zones, accounts).
    """

    command: str
    files: tuple[str, ...]
    size: int
    missing: tuple[str, ...] = ()
    interpreted: bool = False
    data: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Lightness:
    """All of it; sizes in bytes, hard links counted once.

    `sources` are in the order of layers and, in a layer, of instructions. `by_instruction` says
    whether they tell every instruction apart. `could_go` counts every file
    once: dispensable ones, copies beyond the first, and what is overwritten.
    """

    size: int
    files: int
    sources: tuple[SourceShare, ...]
    by_instruction: bool
    packages: tuple[PackageShare, ...]
    unpackaged: PackageShare
    dispensable: tuple[Dispensable, ...]
    duplicates: tuple[Duplicate, ...]
    overwritten: tuple[OverwrittenFile, ...]
    needs: Needs | None
    could_go: int
