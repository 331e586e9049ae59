"""Every program that reads images, of three Debian suites, on a layer of many gzip members."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from consumer_chroot import SUITES, consumer_chroot
from consumer_image import ConsumerImage, consumer_image
from loopback_registry import LoopbackRegistry
from results import write_results
from samebit_command import Samebit

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.prove,
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in ("mmdebstrap", "docker-registry", "skopeo"))
        or os.geteuid() != 0,
        reason="needs mmdebstrap, docker-registry, skopeo and root",
    ),
]

CONSUMERS = (
    *("buildah-overlay", "buildah-vfs", "containerd-native", "containerd-overlayfs"),
    *("dockerd-containerd", "dockerd-overlay2", "dockerd-vfs", "gzip", "podman-overlay"),
    *("skopeo", "umoci"),
)
# dockerd's own store of images is the only one before version 24.
MISSING = {("bookworm", "dockerd-containerd")}
TEXT = """\
# Who reads a layer of many gzip members

Made by `make prove` (tests/e2e/test_consumers_matrix.py); do not edit. Each program unpacked, or
mounted, a canonical layer of 15 MB in members of 1 MiB, and every file had its right content.
dockerd and podman pulled from a registry, dockerd-containerd took `docker load`, the others read
an OCI archive or layout. The names after the program are those of the storage driver or of the
snapshotter.
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConsumerImage]:
    place = tmp_path_factory.mktemp("consumers")
    (place / "work").mkdir()
    made = consumer_image(Samebit(place / "home"), place / "work")
    running = LoopbackRegistry.start(place / "registry")
    name = running.add(f"oci:{made.work}/layout:1", "consumer/image:1", "--preserve-digests")
    (made.work / "registry").write_text(name)
    yield made
    running.stop()


@pytest.fixture(scope="module")
def seen() -> Iterator[list[tuple[str, str, str]]]:
    rows: list[tuple[str, str, str]] = []
    yield rows
    if len(rows) == len(SUITES) * len(CONSUMERS) - len(MISSING):
        write_results("consumers.md", TEXT.rstrip(), ("Program", "Suite", "Version"), rows)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("consumer", CONSUMERS)
def test_it_reads_every_file(
    suite: str, consumer: str, image: ConsumerImage, seen: list[tuple[str, str, str]]
) -> None:
    if (suite, consumer) in MISSING:
        pytest.skip("this version has no such store")
    system = consumer_chroot(suite)
    work: Path = image.work
    shutil.rmtree(work / consumer, ignore_errors=True)
    assert system.read(work, consumer) == image.files
    seen.append((consumer, suite, system.version(work, consumer)))
    shutil.rmtree(work / consumer, ignore_errors=True)
