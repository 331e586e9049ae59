"""`samebit diff` on what real engines make, wherever they put it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from samebit.model.image_difference import DiffReport, EntriesDifference, Grade, LayerVerdict
from samebit.pipeline.diff import diff_images

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in ("buildah", "skopeo", "busybox")),
        reason="needs buildah, skopeo and a static busybox",
    ),
]

DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "echo same > /same; \\
    /bin/busybox cat /proc/sys/kernel/random/uuid > /when"]
"""


def run(*command: object) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


class Engine:
    """buildah with a storage of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.options = ["--root", f"{root}/root", "--runroot", f"{root}/run"]
        self.options += ["--storage-driver", "overlay"]

    def buildah(self, *arguments: object) -> str:
        return run("buildah", *self.options, *arguments)

    def build(self, name: str, *options: str) -> str:
        """Build the Dockerfile plainly; gives the place of the image in an OCI layout."""
        context = self.root / "context"
        context.mkdir(exist_ok=True)
        found = shutil.which("busybox")
        assert found
        shutil.copy2(found, context / "busybox")
        (context / "Dockerfile").write_text(DOCKERFILE)
        self.buildah(
            *("build", "--isolation", "chroot", "--no-cache", "--pull-never", "--quiet"),
            *options,
            *("-t", name, context),
        )
        self.buildah("push", "--quiet", name, f"oci:{self.root}/layout:{name}")
        return f"oci:{self.root}/layout:{name}"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("engine"))
    yield engine
    subprocess.run(
        ["buildah", *engine.options, "rmi", "--all", "--force"], capture_output=True, check=False
    )
    # buildah keeps its storage mounted onto itself, which would outlive the test's folder.
    subprocess.run(["umount", f"{engine.root}/root/overlay"], capture_output=True, check=False)


@pytest.fixture(scope="module")
def twice(engine: Engine) -> tuple[str, str]:
    first = engine.build("first")
    time.sleep(1.1)
    return first, engine.build("second")


@pytest.fixture(autouse=True)
def private_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("SAMEBIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    yield
    # Nothing that was fetched or converted stays.
    assert os.listdir(tmp_path / "tmp") == []
    assert not (tmp_path / "home").exists()


def only_layer(report: DiffReport) -> EntriesDifference:
    (layer,) = [
        layer for layer in report.images[0].layers if layer.verdict is not LayerVerdict.SAME
    ]
    assert layer.entries is not None
    return layer.entries


def test_a_plain_build_twice(twice: tuple[str, str]) -> None:
    report = diff_images(*twice)
    image = report.images[0]
    assert report.grade is Grade.DIFFERENT
    assert {change.path for change in image.config.changes} == {
        "created",
        "history[0].created",
        "history[1].created",
    }
    assert not image.manifest.differs
    found = only_layer(report)
    changed = {change.path: [field.field for field in change.fields] for change in found.changed}
    content = found.changed[0]
    assert content.path == "/when"
    assert content.content is not None
    assert content.content.size_a == content.content.size_b == 37
    assert changed.pop("/when") == ["mtime"]
    assert changed.pop("/same") == ["mtime"]
    # Directories, and what this version leaves of its own mounts.
    assert all("/busybox" not in path for path in changed)
    assert all(fields == ["mtime"] for fields in changed.values())
    assert (found.only_a_count, found.only_b_count, found.order) == (0, 0, None)


def test_a_fixed_time_leaves_only_what_run_did(engine: Engine) -> None:
    a, b = (engine.build(name, "--timestamp", "0") for name in ("third", "fourth"))
    report = diff_images(a, b)
    assert not report.images[0].config.changes
    found = only_layer(report)
    assert [change.path for change in found.changed] == ["/when"]
    assert dict(found.fields) == {"content": 1}


def test_places_of_one_image(engine: Engine, twice: tuple[str, str], tmp_path: Path) -> None:
    first = twice[0]
    run("skopeo", "copy", "--quiet", first, f"oci-archive:{tmp_path}/a.tar:first")
    run("skopeo", "copy", "--quiet", first, f"docker-archive:{tmp_path}/d.tar:first:latest")
    stored = f"containers-storage:[overlay@{engine.root}/root+{engine.root}/run]localhost/first"
    assert diff_images(first, f"oci-archive:{tmp_path}/a.tar").identical
    for place in (f"docker-archive:{tmp_path}/d.tar", stored):
        report = diff_images(first, place)
        assert report.b.canonicalised
        assert report.grade is Grade.SAME_DIFF_IDS
        (layer,) = report.images[0].layers
        assert layer.verdict is LayerVerdict.BLOB_DIFFERS
        assert layer.compression is not None
        # buildah's parallel gzip against ours.
        assert [facts.algorithm for facts in layer.compression] == ["gzip", "gzip"]


def test_other_compression(twice: tuple[str, str], tmp_path: Path) -> None:
    first = twice[0]
    # From a directory of plain layers, so that skopeo compresses them anew.
    run("skopeo", "copy", "--quiet", "--dest-decompress", first, f"dir:{tmp_path}/plain")
    zstd = f"oci:{tmp_path}/zstd:first"
    run(
        *("skopeo", "copy", "--quiet", "--dest-compress", "--dest-compress-format", "zstd"),
        *(f"dir:{tmp_path}/plain", zstd),
    )
    report = diff_images(first, zstd)
    (layer,) = report.images[0].layers
    assert report.grade is Grade.SAME_DIFF_IDS
    assert layer.compression is not None
    assert [facts.algorithm for facts in layer.compression] == ["gzip", "zstd"]


@pytest.mark.skipif(not shutil.which("docker-registry"), reason="needs docker-registry")
def test_a_registry(twice: tuple[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    (tmp_path / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{address}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: {tmp_path}/data}}}}\n"
    )
    with open(tmp_path / "log", "wb") as log:
        process = subprocess.Popen(
            ["docker-registry", "serve", tmp_path / "config.yml"], stdout=log, stderr=log
        )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                with socket.create_connection(("127.0.0.1", int(address.rpartition(":")[2])), 1):
                    break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        served = []
        for number, place in enumerate(twice):
            name = f"docker://{address}/x:{number}"
            run("skopeo", "copy", "--quiet", "--dest-tls-verify=false", place, name)
            served.append(name)
        assert diff_images(twice[0], served[0]).identical
        report = diff_images(*served)
        assert only_layer(report).changed[0].path == "/when"
    finally:
        process.terminate()
        process.wait(20)
