"""A file tree as an engine shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rendering:
    """A tree as the engine mounted it: `root` is the directory's absolute path.

    `overlay` says that it is a native overlay mount, where an untouched directory proves its whole
    subtree untouched.
    """

    root: bytes
    overlay: bool
