"""The command that installs something on this machine, in its own distribution's words."""

from __future__ import annotations

import functools
import os
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

_OS_RELEASE = (Path("/etc/os-release"), Path("/usr/lib/os-release"))
# Set by `buildah unshare` and `podman unshare`: who root inside a user namespace really is.
_REAL_USER = "_CONTAINERS_ROOTLESS_UID"


@dataclass(frozen=True, slots=True)
class Distribution:
    """A distribution that samebit knows: `install` is its command, `packages` by samebit's names.

    `name` is what it calls itself (PRETTY_NAME of os-release(5)). `install` is empty for one that
    samebit does not know.
    """

    name: str
    install: str
    packages: Mapping[str, str]

    def command(self, *wanted: str) -> str | None:
        """Give the command that installs what samebit calls `wanted`; None where there is none."""
        found = [self.packages.get(name, name) for name in wanted]
        if not self.install or not all(found):
            return None
        return f"{self.install} {' '.join(dict.fromkeys(' '.join(found).split()))}"

    def advice(self, *wanted: str) -> str:
        """Say how to install what samebit calls `wanted`, with sudo for an ordinary user."""
        command = self.command(*wanted)
        if command is not None:
            return f"{'' if is_root() else 'sudo '}{command}"
        if not self.install:
            return f"install {' '.join(wanted)} with your distribution's package manager"
        lacking = " and ".join(name for name in wanted if not self.packages.get(name, name))
        return f"{self.name} has no fitting package of {lacking}: see its project's own page"


def real_user() -> int:
    """Give the ID of the user who started samebit, outside of a namespace that it made."""
    known = os.environ.get(_REAL_USER, "")
    return int(known) if os.geteuid() == 0 and known.isdigit() else os.geteuid()


def is_root() -> bool:
    """Tell whether this user is the machine's root, not only one inside a user namespace."""
    return real_user() == 0


def this_distribution() -> Distribution:
    """Recognise this machine's distribution from os-release(5)."""
    for path in _OS_RELEASE:
        try:
            return recognise(path.read_text("utf-8", errors="replace"))
        except OSError:
            continue
    return Distribution("this system", "", {})


def recognise(os_release: str) -> Distribution:
    """Recognise a distribution by ID and release, else by ID, else by what it is like."""
    values: dict[str, str] = {}
    for line in os_release.splitlines():
        key, _, value = line.partition("=")
        values[key.strip()] = value.strip().strip("\"'")
    name = values.get("PRETTY_NAME") or values.get("NAME") or values.get("ID") or "this system"
    for identifier in _identifiers(values):
        if identifier in _known():
            return replace(_known()[identifier], name=name)
    return Distribution(name, "", {})


def known_distributions() -> tuple[str, ...]:
    """Give the identifiers of every distribution that samebit knows, sorted."""
    return tuple(sorted(_known()))


def _identifiers(values: Mapping[str, str]) -> Iterable[str]:
    yield f"{values.get('ID', '')} {values.get('VERSION_ID', '')}"
    for identifier in (values.get("ID", ""), *values.get("ID_LIKE", "").split()):
        # openSUSE's are called opensuse-leap, opensuse-tumbleweed, …
        yield "suse" if identifier.startswith("opensuse") else identifier


@functools.cache
def _known() -> dict[str, Distribution]:
    text = resources.files("samebit.distribution").joinpath("packages.toml").read_text("utf-8")
    tables = tomllib.loads(text)
    found = {}
    for identifier, table in tables.items():
        parent = tables.get(table.get("like"), {})
        packages = {**parent.get("packages", {}), **table["packages"]}
        found[identifier] = Distribution(identifier, {**parent, **table}["install"], packages)
    return found
