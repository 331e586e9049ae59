"""Building the Dockerfiles of tests/corpus twice, far apart, with samebit and plain buildah."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from image_files import members_of
from samebit_command import Samebit

CORPUS = Path(__file__).resolve().parents[1] / "corpus"
CERTIFICATES = "/etc/ssl/certs"
# Builds closer together could hide a time of minutes' resolution.
APART_SECONDS = 61
_LEFT_OUT = shutil.ignore_patterns("case.toml", "*.lock")


@dataclass(frozen=True)
class Case:
    """A folder of the corpus. `differs` are the paths that no build can make the same.

    `certificates` says that buildah alone needs this machine's certificates in its steps.
    """

    name: str
    folder: Path
    smoke: str
    user: str
    differs: tuple[str, ...]
    reason: str
    certificates: bool

    @property
    def base(self) -> str:
        """The image that the Dockerfile's last stage stands on."""
        text = (self.folder / "Dockerfile").read_text("utf-8")
        return re.findall(r"^FROM +(\S+)", text, re.MULTILINE)[-1]


def cases() -> list[Case]:
    """Read the corpus, sorted by name."""
    found = []
    for file in sorted(CORPUS.glob("*/case.toml")):
        table = tomllib.loads(file.read_text("utf-8"))
        found.append(
            Case(
                file.parent.name,
                file.parent,
                table["smoke"],
                table.get("user", "root"),
                tuple(table.get("differs", ())),
                table.get("reason", ""),
                table.get("certificates", False),
            )
        )
    return found


def checkout(case: Case, target: Path) -> Path:
    """Copy a case's context, as a checkout with umask 022."""
    shutil.copytree(case.folder, target, ignore=_LEFT_OUT)
    return target


def other_checkout(case: Case, target: Path) -> Path:
    """Copy it as another person has it: umask 002, other times."""
    checkout(case, target)
    for folder, _, files in os.walk(target):
        for name in [".", *files]:
            path = os.path.join(folder, name)
            os.chmod(path, os.stat(path).st_mode | 0o020)
            os.utime(path, (1234567890, 1234567890))
    return target


@dataclass(frozen=True)
class Pair:
    """Two builds of one case: their digests, the second's layout, and the paths that differ."""

    digests: tuple[str, str]
    layout: Path
    differs: tuple[str, ...]


def build_twice(case: Case, samebit: Samebit, work: Path) -> Pair:
    """Build with a new lock, and later from it elsewhere, with nothing reused."""
    begin = time.monotonic()
    first = checkout(case, work / "first")
    one = samebit.build("--no-cache", "-o", f"oci:{work / 'one'}", first)
    second = other_checkout(case, work / "another place" / "second")
    shutil.copy(first / "Dockerfile.lock", second)
    time.sleep(max(0.0, APART_SECONDS - (time.monotonic() - begin)))
    two = samebit.build("--no-cache", "--locked", "-o", f"oci:{work / 'two'}", second)
    return Pair((one, two), work / "two", differing(work / "one", work / "two"))


def differing(one: Path, two: Path) -> tuple[str, ...]:
    """Give the paths whose entries in the last layers of two layouts differ."""
    a, b = members_of(one), members_of(two)
    return tuple(sorted(name for name in a.keys() | b.keys() if a.get(name) != b.get(name)))


class PlainEngine:
    """buildah and podman over one storage of their own, with the base images of a store."""

    def __init__(self, root: Path, run_root: Path) -> None:
        self._storage = ["--root", str(root), "--runroot", str(run_root)]

    def run(self, program: str, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run a program on the storage; gives what it printed."""
        done = subprocess.run(
            [program, *self._storage, *map(str, arguments)],
            cwd=cwd,
            capture_output=True,
            check=False,
            encoding="utf-8",
            errors="replace",
        )
        assert done.returncode == 0, f"{program} {arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout.strip()

    def add_base(self, samebit: Samebit, name: str) -> None:
        """Bring a base image over, once."""
        if name in self.run("buildah", "images", "--format", "{{.Name}}:{{.Tag}}").split():
            return
        image = self.run("buildah", "pull", "--quiet", f"oci:{samebit.home / 'store'}:{name}")
        self.run("buildah", "tag", image, name)

    def build(self, case: Case, context: Path) -> str:
        """Build with the best timestamp option that this buildah has; gives the image ID."""
        options = ("--timestamp", "0")
        if "--rewrite-timestamp" in self.run("buildah", "build", "--help"):
            options = ("--source-date-epoch", "0", "--rewrite-timestamp")
        volume = ("--volume", f"{CERTIFICATES}:{CERTIFICATES}:ro") if case.certificates else ()
        return self.run(
            *("buildah", "build", "--quiet", "--no-cache", "--pull-never", *options),
            *("--isolation", "oci", "--runtime", "runc", "--network", "host"),
            *("--ulimit", "nofile=16384:16384", *volume, context),
        ).splitlines()[-1]

    def smoke(self, case: Case, image: str) -> str:
        """Run a case's smoke command in an image; gives what it printed."""
        # podman's default limits need CAP_SYS_RESOURCE, which not every machine gives.
        limits = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")
        return self.run(
            *("podman", "run", "--rm", "--quiet", "--runtime", "runc", "--network", "host"),
            *(*limits, "--user", case.user, "--entrypoint", "/bin/sh", image, "-c", case.smoke),
        )

    def load(self, layout: Path) -> str:
        """Load the image of an OCI layout; gives its ID."""
        # The image is named after the path, which must then be a name: so a relative one.
        told = self.run("buildah", "pull", "--quiet", f"oci:{layout.name}", cwd=layout.parent)
        return told.splitlines()[-1]

    def remove(self, *images: str) -> None:
        """Remove images, so that the storage stays small."""
        self.run("buildah", "rmi", "--force", *images)


@contextmanager
def plain_engine(root: Path) -> Iterator[PlainEngine]:
    """Give an engine with its storage at `root`, which may be used again."""
    # podman refuses a run root of more than 50 characters.
    with tempfile.TemporaryDirectory(prefix="samebit-") as run_root:
        yield PlainEngine(root, Path(run_root))
