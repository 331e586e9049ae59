"""What an image's bytes are for, and which of them could go: facts only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LayerShare:
    """A layer: the bytes of files that it brings, and those of them that the final tree shows."""

    position: int
    created_by: str
    files: int
    size: int
    visible: int


@dataclass(frozen=True, slots=True)
class PackageShare:
    """A package, or what belongs to none (then `manager` and `name` are empty)."""

    manager: str
    name: str
    version: str
    files: int
    size: int


@dataclass(frozen=True, slots=True)
class Dispensable:
    """Files of one kind that a running container seldom needs.

    `layers` are the positions of the layers that brought them, `examples` some of the largest.
    """

    kind: str
    meaning: str
    files: int
    size: int
    layers: tuple[int, ...]
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Files with the same content; `size` is that of one of them."""

    size: int
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OverwrittenFile:
    """A file that lies in a layer and that a later one replaced or removed."""

    path: str
    size: int
    layer: int


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

    `by_instruction` says whether the layers tell instructions apart. `could_go` counts every file
    once: dispensable ones, copies beyond the first, and what is overwritten.
    """

    size: int
    files: int
    layers: tuple[LayerShare, ...]
    by_instruction: bool
    packages: tuple[PackageShare, ...]
    unpackaged: PackageShare
    dispensable: tuple[Dispensable, ...]
    duplicates: tuple[Duplicate, ...]
    overwritten: tuple[OverwrittenFile, ...]
    needs: Needs | None
    could_go: int
