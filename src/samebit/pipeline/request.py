"""What a person asks of a build: the command line, or a named image of samebit.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from types import MappingProxyType

from samebit.engines.protocol import SshSource
from samebit.lock.epoch import parse_epoch
from samebit.model.platform import Platform
from samebit.pipeline.secrets import SecretSource

__all__ = ["EVERYTHING", "STANDARD_INPUT", "BuildRequest", "parse_epoch"]

STANDARD_INPUT = "-"
EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """The declared parameters of a build, and how to carry it out.

    `image` is the name of an image of samebit.toml whose lock is used, with the file that declares
    it as `configuration` (None: found beside the Dockerfile or in the context).
    `file` is the Dockerfile as the user named it (None: `Dockerfile` in the context, `-`: standard
    input). `platforms` empty means the machine's own. `epoch` is --source-date-epoch in seconds.
    `build_contexts` maps names to what `--build-context` gave. `locked` forbids to change the lock
    (`locked_by`: who says so),
    `use_memo` allows to answer an unchanged build at once. `secrets` and `ssh` are by ID what steps
    may ask for. `excluded` are paths that must never enter the context. `update` is the
    pattern of the locked inputs that are looked up anew, None for none. `records` asks for what the
    lock lacks even where it is fresh.
    `harden` are languages whose toolchain profiles set variables of RUN, `strip` asks for
    executables without symbols, debug information and build IDs.
    """

    context: Path
    image: str | None = None
    configuration: Path | None = None
    file: str | None = None
    target: str | None = None
    platforms: tuple[Platform, ...] = ()
    build_args: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    build_contexts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    keep_modes: bool = False
    epoch: int | None = None
    locked: bool = False
    locked_by: str = "--locked"
    use_memo: bool = True
    secrets: Mapping[str, SecretSource] = field(default_factory=lambda: MappingProxyType({}))
    ssh: Mapping[str, SshSource] = field(default_factory=lambda: MappingProxyType({}))
    excluded: tuple[Path, ...] = ()
    update: str | None = None
    records: bool = False
    harden: tuple[str, ...] = ()
    strip: bool = False

    def updates(self, name: str) -> bool:
        """Tell whether the base of that name shall be looked up anew; its tag may be left out."""
        if self.update is None:
            return False
        bare = name.partition("@")[0]
        head, colon, tag = bare.rpartition(":")
        untagged = head if colon and "/" not in tag else bare
        return any(fnmatchcase(text, self.update) for text in (name, bare, untagged))

    @property
    def updates_epoch(self) -> bool:
        """Tell whether a locked epoch shall be chosen anew: when everything is."""
        return self.update == EVERYTHING
