"""Pushing to a real registry, and engines that take the image and run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from built_images import Built
from loopback_registry import LoopbackRegistry
from samebit_command import Samebit
from sample_images import busybox_layer, second_layer, write_layout

pytestmark = pytest.mark.e2e

# What lets containers start on machines without CAP_SYS_RESOURCE and with hybrid control groups.
_RUN = ("--runtime", "runc", "--network", "host")
_LIMITS = ("--ulimit", "nofile=1000:1000", "--ulimit", "nproc=1000:1000")


@pytest.fixture
def storage() -> Iterator[dict[str, str]]:
    """The environment of engines whose storage is the test's own."""
    # podman refuses long paths, so not below tmp_path.
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp") as folder:
        configuration = Path(folder) / "storage.conf"
        configuration.write_text(
            f'[storage]\ndriver = "vfs"\nrunroot = "{folder}/run"\ngraphroot = "{folder}/root"\n'
        )
        yield {"CONTAINERS_STORAGE_CONF": str(configuration), "HOME": folder}


def run(*command: object, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN ["/bin/sh", "-c", "mkdir /work && echo made > /work/file && chown -R 7:8 /work"]
ENV PATH=/bin WHO=world
WORKDIR /work
USER 7:8
ENTRYPOINT ["/bin/sh", "-c"]
CMD ["echo hello $WHO; id -u; cat file; pwd"]
"""
SAID = "hello world\n7\nmade\n/work\n"


@pytest.fixture
def context(busybox_context: Path) -> Path:
    (busybox_context / "Dockerfile").write_text(DOCKERFILE)
    return busybox_context


def test_engines_take_and_run_every_form(
    samebit: Samebit, context: Path, tmp_path: Path, storage: dict[str, str]
) -> None:
    needs("podman", "buildah", "skopeo")
    digest = samebit.build(
        *("-t", "localhost/app:1", "-o", f"oci:{tmp_path}/layout"),
        *("-o", f"oci-archive:{tmp_path}/oci.tar", "-o", f"docker-archive:{tmp_path}/docker.tar"),
        context,
    )
    for source in ("oci-archive:{}/oci.tar", "docker-archive:{}/docker.tar"):
        image = run("podman", "pull", "--quiet", source.format(tmp_path), **storage).split()[-1]
        assert run("podman", "run", "--rm", *_RUN, *_LIMITS, image, **storage) == SAID
    (tmp_path / "copied").mkdir()
    run("skopeo", "copy", f"oci:{tmp_path}/layout", f"dir:{tmp_path}/copied")
    assert f"sha256:{_sha256(tmp_path / 'copied' / 'manifest.json')}" == digest

    container = run("buildah", "from", "--pull-never", "localhost/app:1", **storage).strip()
    said = run(
        *("buildah", "run", "--isolation", "oci", *_RUN, container, "/bin/sh", "-c"),
        "echo $WHO; pwd; cat file; id -u",
        **storage,
    )
    assert said == "world\n/work\nmade\n7\n"
    run("buildah", "rm", container, **storage)


def _sha256(path: Path) -> str:
    return run("sha256sum", path).split()[0]


def test_load_gives_the_engine_the_image_under_all_its_names(
    samebit: Samebit, context: Path, storage: dict[str, str]
) -> None:
    needs("podman")
    digest = samebit.build(
        "--load", "-t", "localhost/app:1", "-t", "second", "--no-cache", context, **storage
    )
    images = json.loads(run("podman", "images", "--format", "json", **storage))
    assert {image["Digest"] for image in images} == {digest}
    names = {name for image in images for name in image["Names"]}
    assert names == {"docker.io/library/second:latest", "localhost/app:1"}
    said = run("podman", "run", "--rm", *_RUN, *_LIMITS, "localhost/app:1", **storage)
    assert said == SAID
    # And back: what the engine holds is the image that was built.
    (context / "Dockerfile").write_text("FROM containers-storage:localhost/app:1\nLABEL a=b\n")
    built = Built(samebit.home, samebit.build(context, **storage))
    assert (
        built.document["rootfs"]["diff_ids"]
        == (Built(samebit.home, digest).document["rootfs"]["diff_ids"])
    )
    assert built.layers == Built(samebit.home, digest).layers
    # docker's own way to say it.
    assert samebit.build("-o", "type=docker,name=third", context, **storage) == built.digest
    images = json.loads(run("podman", "images", "--format", "json", **storage))
    assert "docker.io/library/third:latest" in [name for i in images for name in i["Names"]]


def test_what_is_pushed_is_what_was_built(
    samebit: Samebit, registry: LoopbackRegistry, context: Path, tmp_path: Path
) -> None:
    write_layout(tmp_path / "layout", [busybox_layer(), second_layer("pushed")])
    base = registry.add(f"oci:{tmp_path}/layout:1", "team/base:1")
    (context / "Dockerfile").write_text(f"FROM {base}\nRUN cat new new > /twice\n")
    tags = [f"{registry.address}/{name}" for name in ("team/app:1", "team/app:2", "other/app:1")]
    sent = _uploads(registry)
    digest = samebit.build(*(word for tag in tags for word in ("-t", tag)), "--push", context)
    built = Built(samebit.home, digest)
    for name, tag in (("team/app", "1"), ("team/app", "2"), ("other/app", "1")):
        assert registry.manifest(name, tag) == built.blob(digest)
        for layer in built.layers:
            assert registry.blob(name, layer) == built.blob(layer)
        raw = run(
            "skopeo",
            "inspect",
            "--raw",
            "--tls-verify=false",
            f"docker://{registry.address}/{name}:{tag}",
        )
        assert raw.encode() == built.blob(digest)
    # The base's two layers are mounted from its repository, all four blobs from the first one: only
    # the new layer and the config travel, once.
    assert _uploads(registry) - sent == 2

    # Somebody else builds it from the registry alone, and gets the same.
    lock = context / "Dockerfile.lock"
    assert samebit.with_home(tmp_path / "home").build("--locked", context) == digest
    assert str(registry.address) in lock.read_text()
    again = _uploads(registry)
    assert samebit.build("-t", tags[0], "--push", context) == digest
    assert _uploads(registry) == again


def _uploads(registry: LoopbackRegistry) -> int:
    """Count the blobs whose content was sent: each ends with a PUT to its upload."""
    log = (registry.folder / "log").read_text(errors="replace")
    return sum("PUT /v2/" in line and "/blobs/uploads/" in line for line in log.splitlines())


def test_an_index_is_pushed_with_its_images(
    samebit: Samebit, registry: LoopbackRegistry, context: Path
) -> None:
    (context / "Dockerfile").write_text(
        "FROM scratch\nARG TARGETARCH\nCOPY Dockerfile /$TARGETARCH\n"
    )
    name = f"{registry.address}/several:1"
    digest = samebit.build("-t", name, "--push", "--platform", "linux/amd64,linux/arm64", context)
    built = Built(samebit.home, digest)
    assert registry.manifest("several", "1") == built.blob(digest)
    for entry in built.manifest["manifests"]:
        image = Built(samebit.home, entry["digest"])
        assert registry.manifest("several", entry["digest"]) == image.blob(entry["digest"])
        assert image.paths() == [entry["platform"]["architecture"]]
        for layer in image.layers:
            assert registry.blob("several", layer) == image.blob(layer)
    # A base for both, from the registry.
    (context / "Dockerfile").write_text(f"FROM {name}\nCOPY Dockerfile /more\n")
    both = Built(samebit.home, samebit.build("--platform", "linux/arm64,linux/amd64", context))
    for entry, base in zip(both.manifest["manifests"], built.manifest["manifests"], strict=True):
        image = Built(samebit.home, entry["digest"])
        assert image.layers[:1] == Built(samebit.home, base["digest"]).layers
    assert (context / "Dockerfile.lock").read_text().count("[[base]]") == 2


def test_a_registry_that_does_not_take_it(samebit: Samebit, context: Path) -> None:
    done = samebit.run("build", "-t", "127.0.0.1:9/app:1", "--push", context)
    assert (done.returncode, done.stdout) == (5, "")
    assert "127.0.0.1:9" in done.stderr
    # What was built is not lost.
    done = samebit.run("build", context, SAMEBIT_ENGINE="buildah:/nonexistent")
    assert done.returncode == 0
