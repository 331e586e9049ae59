"""FROM over a registry: the original bytes of the base, and exactly one layer above them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from built_images import Built
from loopback_registry import LoopbackRegistry
from samebit_command import Samebit
from sample_images import busybox_layer, second_layer, write_layout

pytestmark = pytest.mark.e2e

RUN = "RUN cat /data/new > /out && test ! -e /data/old && test ! -e /opaque/below\n"


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bases of two layers, the second with whiteouts, in several shapes."""
    path = tmp_path_factory.mktemp("bases") / "layout"
    two = [busybox_layer(), second_layer()]
    write_layout(path, two, tag="gzip")
    write_layout(path, two, tag="zstd", compression="zstd")
    write_layout(path, two, tag="plain", compression="plain")
    write_layout(path, two, tag="index", platforms=("linux/arm64", "linux/amd64", "linux/s390x"))
    return path


def context_of(tmp_path: Path, dockerfile: str) -> Path:
    tmp_path.mkdir(exist_ok=True)
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(dockerfile)
    return context


@pytest.mark.parametrize(
    "case",
    [
        ("gzip",),
        ("gzip", "--format", "v2s2"),
        ("zstd", "--preserve-digests"),
        ("plain", "--preserve-digests"),
        ("index", "--all"),
    ],
    ids=["oci", "docker-schema2", "zstd", "uncompressed", "index"],
)
def test_the_layers_of_the_base_are_those_that_the_registry_serves(
    samebit: Samebit,
    registry: LoopbackRegistry,
    layout: Path,
    tmp_path: Path,
    case: tuple[str, ...],
) -> None:
    shape, *options = case
    name = f"{shape}{len(options)}"
    reference = registry.add(f"oci:{layout}:{shape}", f"{name}:1", *options)
    served = json.loads(registry.manifest(name, "1"))
    if shape == "index":
        entry = next(e for e in served["manifests"] if e["platform"]["architecture"] == "amd64")
        served = json.loads(registry.manifest(name, entry["digest"]))
    context = context_of(tmp_path, f"FROM {reference}\n{RUN}")
    built = Built(samebit.home, samebit.build(context))

    assert built.layers[:-1] == [layer["digest"] for layer in served["layers"]]
    assert len(built.layers) == 3
    for layer in served["layers"]:
        assert built.blob(layer["digest"]) == registry.blob(name, layer["digest"])
    kind = {"zstd": "+zstd", "plain": ""}.get(shape, "+gzip")
    below = f"application/vnd.oci.image.layer.v1.tar{kind}"
    assert built.media_types == [below, below, "application/vnd.oci.image.layer.v1.tar+gzip"]
    assert built.manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    assert built.paths() == ["out"]
    assert built.read("out") == b"new"


def test_what_the_base_says_stays(
    samebit: Samebit, registry: LoopbackRegistry, layout: Path, tmp_path: Path
) -> None:
    reference = registry.add(f"oci:{layout}:gzip", "says:1")
    context = context_of(
        tmp_path,
        f"FROM {reference}\nLABEL org.example.both=child org.example.own=1\nENV CHILD=x\n{RUN}",
    )
    built = Built(samebit.home, samebit.build(context))
    base = json.loads(registry.manifest("says", "1"))
    config = json.loads(registry.blob("says", base["config"]["digest"]))
    assert built.document["history"][:3] == config["history"]
    assert [entry["created_by"].split()[0] for entry in built.document["history"][3:]] == [
        "LABEL",
        "ENV",
        "RUN",
    ]
    assert built.document["rootfs"]["diff_ids"][:2] == config["rootfs"]["diff_ids"]
    assert built.config["Labels"] == {
        "org.example.base": "kept",
        "org.example.both": "child",
        "org.example.own": "1",
    }
    assert built.config["Env"] == ["PATH=/bin", "FROM_BASE=yes", "CHILD=x"]
    assert built.config["WorkingDir"] == "/data"
    assert built.config["Cmd"] == ["/bin/sh"]
    assert built.document["created"] == "1980-01-02T00:00:00Z"


@pytest.mark.parametrize("tail", ["", "ENV A=b\nLABEL c=d\nCMD true\n", "RUN true\n"])
def test_no_layer_when_nothing_changed(
    samebit: Samebit, registry: LoopbackRegistry, layout: Path, tmp_path: Path, tail: str
) -> None:
    reference = registry.add(f"oci:{layout}:gzip", "unchanged:1", "--format", "v2s2")
    built = Built(samebit.home, samebit.build(context_of(tmp_path, f"FROM {reference}\n{tail}")))
    assert built.layers == registry.layers("unchanged", "1")
    assert len(built.document["rootfs"]["diff_ids"]) == 2


def test_a_name_with_a_digest(
    samebit: Samebit, registry: LoopbackRegistry, layout: Path, tmp_path: Path
) -> None:
    registry.add(f"oci:{layout}:gzip", "digest:1")
    write_layout(layout, [busybox_layer(), second_layer("later")], tag="later")
    by_tag = samebit.build(context_of(tmp_path / "tag", f"FROM {registry.address}/digest:1\n{RUN}"))
    first = Built(samebit.home, by_tag)
    pinned = next(
        line.split('"')[1]
        for line in (tmp_path / "tag" / "context" / "Dockerfile.lock").read_text().splitlines()
        if line.startswith("digest")
    )
    registry.add(f"oci:{layout}:later", "digest:1")
    # The tag moves, the digest does not; with both, the digest decides.
    for number, name in enumerate((f"digest@{pinned}", f"digest:1@{pinned}")):
        context = context_of(tmp_path / str(number), f"FROM {registry.address}/{name}\n{RUN}")
        assert samebit.build(context) == by_tag
    moved = samebit.build(
        context_of(tmp_path / "moved", f"FROM {registry.address}/digest:1\n{RUN}")
    )
    assert Built(samebit.home, moved).read("out") == b"later"
    assert Built(samebit.home, moved).layers[0] == first.layers[0]


def test_another_platform_of_an_index(
    samebit: Samebit, registry: LoopbackRegistry, layout: Path, tmp_path: Path
) -> None:
    """Only what COPY can do: this machine cannot run the other platform's programs."""
    reference = registry.add(f"oci:{layout}:index", "platforms:1", "--all")
    context = context_of(tmp_path, f"FROM {reference}\nCOPY Dockerfile /\n")
    built = Built(samebit.home, samebit.build("--platform", "linux/s390x", context))
    assert built.document["architecture"] == "s390x"
    done = samebit.run("build", "--platform", "linux/riscv64", context)
    assert done.returncode == 5
    assert (
        "no image for linux/riscv64; it has: linux/amd64, linux/arm64, linux/s390x" in done.stderr
    )
    assert f"{context}/Dockerfile:1" in done.stderr


def test_images_of_copy_and_of_mounts(
    samebit: Samebit, registry: LoopbackRegistry, layout: Path, tmp_path: Path
) -> None:
    reference = registry.add(f"oci:{layout}:gzip", "copied:1", "--format", "v2s2")
    context = context_of(
        tmp_path,
        f"FROM scratch\nCOPY --from={reference} /bin /bin\n"
        f"RUN --mount=from={reference},source=/data,target=/mnt cat /mnt/new > /got\n",
    )
    built = Built(samebit.home, samebit.build(context))
    assert len(built.layers) == 1
    assert built.read("got") == b"new"
    lock = (context / "Dockerfile.lock").read_text()
    assert lock.count("[[base]]") == 1


def test_what_is_not_there(
    samebit: Samebit, registry: LoopbackRegistry, layout: Path, tmp_path: Path
) -> None:
    registry.add(f"oci:{layout}:gzip", "there:1")
    for name in ("there:2", "absent:1"):
        context = context_of(tmp_path / name, f"FROM scratch\nFROM {registry.address}/{name}\n")
        done = samebit.run("build", context)
        assert (done.returncode, done.stdout) == (5, "")
        what = f"base image {registry.address}/{name}: registry {registry.address} has no tag"
        assert f"{context}/Dockerfile:2" in done.stderr
        assert f" error: {what} {name[-1]} of {name[:-2]} [input]\n" in done.stderr
        assert not (context / "Dockerfile.lock").exists()
    nowhere = context_of(tmp_path / "nowhere", "FROM 127.0.0.1:9/x:1\n")
    done = samebit.run("build", nowhere)
    assert done.returncode == 5
    assert "127.0.0.1:9" in done.stderr


def test_what_registries_conf_says_is_followed(
    samebit: Samebit, registry: LoopbackRegistry, layout: Path, tmp_path: Path
) -> None:
    """A mirror serves another host's image; a short name is looked for where it says."""
    registry.add(f"oci:{layout}:gzip", "team/mirrored:1", "--format", "v2s2")
    configuration = tmp_path / "registries.conf"
    configuration.write_text(
        f'unqualified-search-registries = ["127.0.0.1:9", "{registry.address}"]\n'
        '[[registry]]\nlocation = "registry.example.org"\n'
        f'[[registry.mirror]]\nlocation = "{registry.address}"\n'
    )
    environment = {"CONTAINERS_REGISTRIES_CONF": str(configuration)}
    digests = set()
    for number, name in enumerate(("registry.example.org/team/mirrored:1", "team/mirrored:1")):
        context = context_of(tmp_path / str(number), f"FROM {name}\n{RUN}")
        digests.add(samebit.build(context, **environment))
        assert f'name = "{name}"' in (context / "Dockerfile.lock").read_text()
        # By the digest of the lock, too, the same places are asked.
        fresh = samebit.with_home(tmp_path / f"home{number}")
        digests.add(fresh.build("--locked", context, **environment))
    assert len(digests) == 1
