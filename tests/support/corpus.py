"""Building the Dockerfiles of tests/corpus twice, far apart, with samebit and plain buildah."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
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
MOVED_CLOCK = Path(__file__).with_name("moved_clock.py")
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
    def checksum(self) -> str:
        """The sha256 of all that is in the folder."""
        return checksum_of(self.folder)


def checksum_of(folder: Path, but: str = "") -> str:
    """Give the sha256 of all that is in a context's folder but its lock and the file `but`."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".lock" and path.name != but:
            for part in (os.fsencode(path.relative_to(folder)), path.read_bytes()):
                digest.update(b"%d:%b" % (len(part), part))
    return digest.hexdigest()


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
class First:
    """A build with a new lock. `began` is by time.time()."""

    digest: str
    layout: Path
    lock: Path
    began: float


@dataclass(frozen=True)
class Pair:
    """Two builds of one case: their digests, the second's layout, and the paths that differ.

    `clock` says in words how it was moved in the second one, or why it was not.
    """

    digests: tuple[str, str]
    lock: Path
    layout: Path
    differs: tuple[str, ...]
    clock: str


def build_twice(case: Case, samebit: Samebit, work: Path) -> Pair:
    """Build with a new lock, and later from it elsewhere, with nothing reused."""
    return build_again(case, samebit, build_first(case, samebit, work), work)


def build_first(case: Case, samebit: Samebit, work: Path) -> First:
    """Build a checkout and record its lock."""
    began = time.time()
    context = checkout(case, work / "first")
    layout = work / "one"
    digest = samebit.build("--no-cache", "-o", f"oci:{layout}", context)
    lock = Path(shutil.move(context / "Dockerfile.lock", work / "Dockerfile.lock"))
    return First(digest, layout, lock, began)


def build_again(case: Case, samebit: Samebit, first: First, work: Path) -> Pair:
    """Build from the lock in another checkout, later, and on another day for the steps."""
    context = other_checkout(case, work / "another place" / "second")
    shutil.copy(first.lock, context)
    time.sleep(max(0.0, first.began + APART_SECONDS - time.time()))
    layout = work / "two"
    done = subprocess.run(
        [sys.executable, MOVED_CLOCK, context, layout],
        env={**os.environ, **samebit.environment, "SAMEBIT_HOME": str(samebit.home)},
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return Pair(
        (first.digest, said["digest"]),
        first.lock,
        layout,
        differing(first.layout, layout),
        said["clock"],
    )


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

    def add_bases(self, samebit: Samebit, lock: Path) -> None:
        """Bring the base images of a lock over from samebit's store, once."""
        known = self.run("buildah", "images", "--format", "{{.Name}}:{{.Tag}}").split()
        for base in tomllib.loads(lock.read_text("utf-8")).get("base", ()):
            if base["name"] not in known:
                with tempfile.TemporaryDirectory() as folder:
                    image = self.load(_layout_of(samebit, base["digest"], Path(folder) / "base"))
                self.run("buildah", "tag", image, base["name"])

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


def _layout_of(samebit: Samebit, digest: str, layout: Path) -> Path:
    """Make an OCI layout of one image of samebit's store, which has no name there."""
    store = samebit.home / "store"
    manifest = store / "blobs" / digest.replace(":", "/")
    entry = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "digest": digest,
        "size": manifest.stat().st_size,
    }
    layout.mkdir()
    shutil.copy(store / "oci-layout", layout)
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (layout / "blobs").symlink_to((store / "blobs").resolve())
    return layout


@contextmanager
def plain_engine(root: Path) -> Iterator[PlainEngine]:
    """Give an engine with its storage at `root`, which may be used again."""
    # podman refuses a run root of more than 50 characters.
    with tempfile.TemporaryDirectory(prefix="samebit-") as run_root:
        yield PlainEngine(root, Path(run_root))
