"""One Dockerfile, built by a plain engine in every way it can store layers, gives one digest."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from consumer_chroot import SUITES, consumer_chroot
from image_files import manifest_of
from loopback_registry import LoopbackRegistry
from samebit_command import Samebit
from sample_images import Member, busybox_layer, second_layer, write_layout

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in ("buildah", "busybox", "runc")),
        reason="needs buildah, runc and a static busybox",
    ),
]

DOCKERFILE = """\
ARG BASE
FROM $BASE
LABEL org.example.both=own
COPY --chown=3:4 file /data/file
RUN echo one > /data/x && ln /data/x /data/y && rm -rf /opaque /data/kept && mkdir /opaque \\
    && touch /opaque/n && mkdir -p /a /gone/below && touch /a/f /a-b && ln -s nowhere /l
RUN echo more >> /data/new && chmod 700 /tmp && chmod 4755 /data/x && rm -rf /gone /data/y
WORKDIR /work/here
RUN echo $PWD > where
CMD ["sh"]
"""
WAYS = [
    (driver, layers) for driver in ("overlay", "vfs") for layers in ("--layers", "--layers=false")
]


@dataclass(frozen=True)
class Plain:
    """A plain engine with a storage of its own, and the base image that it builds on."""

    root: Path
    driver: str

    @property
    def options(self) -> list[str]:
        place = self.root / self.driver
        storage = ["--root", f"{place}/root", "--runroot", f"{place}/run"]
        return ["buildah", *storage, "--storage-driver", self.driver]

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self.options, *arguments], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def build(self, context: Path, base: Path, *options: str) -> str:
        """Build plainly; gives the place of the image in a layout."""
        name = "-".join(word.strip("-").replace("=", "-") for word in (self.driver, *options))
        image = self.run("pull", "--quiet", f"oci:{base}:1")
        self.run("tag", image, "localhost/base:1")
        self.run(
            *("build", "--isolation", "oci", "--runtime", "runc", "--network", "host", "--quiet"),
            *("--build-arg", "BASE=localhost/base:1", *options, "-t", name, str(context)),
        )
        self.run("push", "--quiet", name, f"oci:{self.root}/images:{name}")
        return f"oci:{self.root}/images:{name}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("normalise")
    (place / "context").mkdir()
    (place / "context" / "Dockerfile").write_text(DOCKERFILE)
    (place / "context" / "file").write_text("file")
    hosts = Member("etc/hosts", b"127.0.0.1 base\n")
    layers = [[*busybox_layer(), hosts], second_layer()]
    write_layout(place / "base", layers, compression="zstd")
    # The same layers for archives, which cannot hold zstd.
    write_layout(place / "base-gzip", layers)
    return place


@pytest.fixture(scope="module")
def images(place: Path) -> Iterator[dict[str, str]]:
    """The Dockerfile built in every way, by `driver options`."""
    found = {}
    engines = {driver: Plain(place, driver) for driver, _ in WAYS}
    for driver, layers in WAYS:
        built = engines[driver].build(place / "context", place / "base", layers)
        found[f"{driver} {layers}"] = built
    yield found
    for engine in engines.values():
        subprocess.run(
            [*engine.options, "rmi", "--all", "--force"], capture_output=True, check=False
        )
    # buildah keeps its storage mounted onto itself, which would outlive the test's folder.
    subprocess.run(
        ["umount", place / "overlay" / "root" / "overlay"], capture_output=True, check=False
    )


def normalised(samebit: Samebit, *arguments: str, **environment: str) -> str:
    done = samebit.run("normalise", "--quiet", *arguments, **environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    return done.stdout.strip()


def test_one_digest(samebit: Samebit, images: dict[str, str], place: Path, tmp_path: Path) -> None:
    base, out = f"oci:{place}/base:1", f"oci:{tmp_path}/out"
    assert len(images) == 4
    for given in ((), ("--base", base), ("--base", "scratch")):
        digests = {
            way: normalised(samebit, image, f"{out}:a", *given) for way, image in images.items()
        }
        assert len(set(digests.values())) == 1, digests
        assert normalised(samebit, f"{out}:a", f"{out}:b", *given) in digests.values()


def test_it_has_the_layers_of_our_own_build(
    samebit: Samebit, images: dict[str, str], place: Path, tmp_path: Path
) -> None:
    base, out = f"oci:{place}/base:1", f"oci:{tmp_path}/out"
    built = samebit.build(
        *(place / "context", "--build-arg", f"BASE={base}", "-o", f"{out}:built"),
        *("--context-modes", "keep", "--source-date-epoch", "1000"),
    )
    time = {"SOURCE_DATE_EPOCH": "1000"}
    assert normalised(samebit, f"{out}:built", f"{out}:again", "--base", base, **time) == built
    for image in images.values():
        normalised(samebit, image, f"{out}:theirs", "--base", base, **time)
        told = samebit.run("diff", f"{out}:built", f"{out}:theirs")
        lines = told.stdout.splitlines()
        assert lines[2] == "same files and settings for containers, yet different images"
        # Only the wording of the history is each builder's own.
        assert all(line.startswith("  history[") for line in lines[4:-1]), told.stdout
        assert lines[-1] == "layers 1 to 3: same"


def unpacked(image: str, bundle: Path) -> dict[str, tuple[object, ...]]:
    """What umoci makes of an image in a layout: path to mode, owner, links and content."""
    subprocess.run(
        ["umoci", "raw", "unpack", "--image", image.removeprefix("oci:"), bundle],
        check=True,
        capture_output=True,
    )
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(bundle):
        for name in (*folders, *files):
            path = Path(folder, name)
            status = path.lstat()
            content: object = None
            if stat.S_ISREG(status.st_mode):
                content = hashlib.sha256(path.read_bytes()).hexdigest(), status.st_nlink
            elif path.is_symlink():
                content = os.readlink(path)
            found[str(path.relative_to(bundle))] = (
                *(status.st_mode, status.st_uid, status.st_gid, content),
            )
    return found


@pytest.mark.skipif(
    not shutil.which("umoci") or os.geteuid() != 0, reason="needs umoci, and root for owners"
)
def test_containers_see_what_the_engine_made(
    samebit: Samebit, images: dict[str, str], tmp_path: Path
) -> None:
    """Unpacked by a program that is not ours; leftovers and times are all that differs."""
    image, out = images["vfs --layers"], f"oci:{tmp_path}/out:x"
    # umoci knows no zstd, which the base's layers are packed with.
    normalised(samebit, image, out, "--base", "scratch")
    engine, ours = unpacked(image, tmp_path / "engine"), unpacked(out, tmp_path / "ours")
    left = engine.keys() - ours.keys()
    assert left <= {"dev", "proc", "run", "sys", "etc/hostname", "etc/resolv.conf"}
    assert {path: facts for path, facts in engine.items() if path not in left} == ours


@pytest.mark.prove
@pytest.mark.skipif(
    not all(shutil.which(tool) for tool in ("mmdebstrap", "skopeo")) or os.geteuid() != 0,
    reason="needs mmdebstrap, skopeo and root",
)
@pytest.mark.parametrize("suite", SUITES)
def test_dockerd_builds_the_same_layers(
    suite: str, samebit: Samebit, images: dict[str, str], place: Path, tmp_path: Path
) -> None:
    """docker's own builder, in its own storage: only the wording of the history differs."""
    work, base = tmp_path / "work", f"oci:{place}/base:1"
    shutil.copytree(place / "context", work / "context")
    archive = f"docker-archive:{work}/base.tar:localhost/base:1"
    source = f"oci:{place}/base-gzip:1"
    subprocess.run(["skopeo", "copy", "--quiet", source, archive], check=True)
    assert consumer_chroot(suite).read(work, "docker-build") == {}
    built = f"docker-archive:{work}/built.tar"
    normalised(samebit, built, f"oci:{tmp_path}/docker:x", "--base", base)
    normalised(samebit, images["vfs --layers"], f"oci:{tmp_path}/buildah:x", "--base", base)
    assert layers_of(tmp_path / "docker") == layers_of(tmp_path / "buildah")


def layers_of(layout: Path) -> list[str]:
    return [str(layer["digest"]) for layer in manifest_of(layout)["layers"]]


@pytest.mark.skipif(not shutil.which("docker-registry"), reason="needs docker-registry")
def test_registries_both_ways(
    samebit: Samebit,
    images: dict[str, str],
    place: Path,
    registry: LoopbackRegistry,
    tmp_path: Path,
) -> None:
    base = registry.add(f"oci:{place}/base:1", "normalise:base")
    image = registry.add(images["overlay --layers"], "normalise:image")
    done, options = image.replace(":image", ":done"), ("--base", f"docker://{base}")
    digest = normalised(samebit, f"docker://{image}", "-t", done, "--push", *options)
    expected = normalised(
        *(samebit, images["vfs --layers"], f"oci:{tmp_path}/out"),
        *("--base", f"oci:{place}/base:1"),
    )
    assert digest == expected
    assert normalised(samebit, f"docker://{done}", f"oci:{tmp_path}/out", *options) == digest
