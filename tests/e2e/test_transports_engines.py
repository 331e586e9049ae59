"""What skopeo, buildah and podman make of our outputs, and we of theirs."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from samebit.canonical import json as canonical_json
from samebit.errors import InputError, MachineError
from samebit.image.manifest import IndexEntry, Manifest, encode_index, encode_manifest
from samebit.model.descriptor import (
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_LAYER_ZSTD,
    OCI_MANIFEST,
    Descriptor,
)
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.store.store import Store
from samebit.transports import containers_storage, docker_archive, oci_archive, oci_layout
from samebit.transports.load import load_into_engine
from samebit.transports.recompress import recompress
from samebit.transports.validate import validate

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not all(shutil.which(tool) for tool in ("skopeo", "buildah", "podman")),
        reason="needs skopeo, buildah and podman",
    ),
]

NAME = Reference.parse("localhost/tool:1")
NATIVE = Platform.native()


def run(*command: object) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


@dataclass(frozen=True)
class Storage:
    root: Path
    runroot: Path

    def tool(self, name: str) -> list[str]:
        return [name, "--root", str(self.root), "--runroot", str(self.runroot)]

    def name(self, image: str) -> str:
        return f"[{self.driver()}@{self.root}+{self.runroot}]{image}"

    def driver(self) -> str:
        info = json.loads(run(*self.tool("buildah"), "info"))
        return str(info["store"]["GraphDriverName"])

    def images(self) -> list[dict[str, object]]:
        found = run(*self.tool("buildah"), "images", "--json", "--digests")
        return list(json.loads(found) or [])


def quietly(*command: object) -> None:
    subprocess.run(list(map(str, command)), capture_output=True, check=False)


@pytest.fixture
def storage() -> Iterator[Storage]:
    # podman refuses paths of more than 50 characters here, so not below tmp_path.
    with tempfile.TemporaryDirectory(prefix="sb-", dir="/tmp") as directory:
        made = Storage(Path(directory) / "root", Path(directory) / "run")
        yield made
        quietly(*made.tool("buildah"), "rmi", "--all", "--force")
        # podman leaves its mount of the overlay directory behind.
        quietly("umount", "--quiet", "--lazy", made.root / "overlay")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def other(tmp_path: Path) -> Store:
    return Store(tmp_path / "other")


def layer(name: str, content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def image(store: Store, platform: Platform = NATIVE) -> Descriptor:
    plain = [layer("one", b"1" * 5000), layer("two", str(platform).encode())]
    layers = []
    for data in plain:
        blob = gzip.compress(data, 1, mtime=0)
        layers.append(Descriptor(OCI_LAYER_GZIP, store.put(blob), len(blob)))
    config = canonical_json.encode(
        {
            "architecture": platform.architecture,
            "os": platform.os,
            "created": "1980-01-02T00:00:00Z",
            "config": {"Cmd": ["/one"], "Labels": {"org.example.a": "b"}},
            "history": [{"created_by": "first"}, {"created_by": "second"}],
            "rootfs": {
                "type": "layers",
                "diff_ids": ["sha256:" + hashlib.sha256(data).hexdigest() for data in plain],
            },
        }
    )
    manifest = encode_manifest(
        Manifest(Descriptor(OCI_CONFIG, store.put(config), len(config)), tuple(layers))
    )
    return Descriptor(OCI_MANIFEST, store.put(manifest), len(manifest))


def several(store: Store) -> Descriptor:
    platforms = [Platform("linux", "amd64"), Platform("linux", "arm64")]
    data = encode_index(IndexEntry(image(store, platform), platform) for platform in platforms)
    return Descriptor(OCI_INDEX, store.put(data), len(data))


def inspected(place: str) -> dict[str, object]:
    return dict(json.loads(run("skopeo", "inspect", place)))


def test_skopeo_reads_what_we_write(tmp_path: Path, store: Store) -> None:
    made = image(store)
    oci_layout.save(store, made, tmp_path / "layout", "v1")
    oci_archive.save(store, made, tmp_path / "oci.tar", "v1")
    docker_archive.save(store, made, tmp_path / "docker.tar", [NAME])
    for place in (f"oci:{tmp_path}/layout:v1", f"oci-archive:{tmp_path}/oci.tar:v1"):
        found = inspected(place)
        assert found["Digest"] == str(made.digest)
        assert found["Labels"] == {"org.example.a": "b"}
    found = inspected(f"docker-archive:{tmp_path}/docker.tar:{NAME}")
    assert found["Labels"] == {"org.example.a": "b"}
    run("skopeo", "copy", f"docker-archive:{tmp_path}/docker.tar", f"oci:{tmp_path}/again:x")
    copied = oci_layout.load(tmp_path / "again", Store(tmp_path / "third"), NATIVE, name="x")
    assert (
        copied.config_document.diff_ids
        == docker_archive.load(tmp_path / "docker.tar", store, NATIVE).config_document.diff_ids
    )


def test_we_write_into_a_layout_of_skopeo(tmp_path: Path, store: Store) -> None:
    oci_archive.save(store, image(store), tmp_path / "oci.tar", "v1")
    run("skopeo", "copy", f"oci-archive:{tmp_path}/oci.tar", f"oci:{tmp_path}/layout:theirs")
    second = image(store, Platform("linux", "s390x"))
    oci_layout.save(store, second, tmp_path / "layout", "ours")
    assert inspected(f"oci:{tmp_path}/layout:theirs")
    run("skopeo", "copy", f"oci-archive:{tmp_path}/oci.tar", f"oci:{tmp_path}/layout:third")
    found = oci_layout.load(tmp_path / "layout", Store(tmp_path / "other"), None, name="ours")
    assert found.descriptor == second


def test_we_read_all_that_skopeo_writes(tmp_path: Path, store: Store, other: Store) -> None:
    made = image(store)
    oci_layout.save(store, made, tmp_path / "layout", "v1")
    source = f"oci:{tmp_path}/layout:v1"
    run("skopeo", "copy", source, f"oci-archive:{tmp_path}/oci.tar:v")
    run("skopeo", "copy", source, f"docker-archive:{tmp_path}/docker.tar:localhost/x:1")
    run("skopeo", "copy", "--dest-compress-format", "zstd", source, f"oci:{tmp_path}/zstd:v")
    assert oci_archive.load(tmp_path / "oci.tar", other, NATIVE, name="v").descriptor == made
    from_docker = docker_archive.load(tmp_path / "docker.tar", other, NATIVE, name="localhost/x:1")
    assert from_docker.canonicalised
    from_zstd = oci_layout.load(tmp_path / "zstd", other, NATIVE)
    assert {layer.media_type for layer in from_zstd.manifest.layers} == {OCI_LAYER_ZSTD}
    for found in (from_docker, from_zstd):
        assert validate(other, found.descriptor) == []
        assert found.config_document.config["Cmd"] == ["/one"]


def test_several_platforms(tmp_path: Path, store: Store, other: Store) -> None:
    made = several(store)
    oci_archive.save(store, made, tmp_path / "oci.tar", "v")
    run("skopeo", "copy", "--all", f"oci-archive:{tmp_path}/oci.tar:v", f"oci:{tmp_path}/all:v")
    for architecture in ("amd64", "arm64"):
        platform = Platform("linux", architecture)
        found = oci_layout.load(tmp_path / "all", other, platform, name="v")
        assert found.platform == platform
        assert validate(other, found.descriptor) == []


@pytest.mark.parametrize("tool", ["podman", "buildah"])
def test_loading_into_an_engine(store: Store, storage: Storage, tool: str) -> None:
    made = image(store)
    second = Reference.parse("localhost/other:2")
    assert load_into_engine(store, made, [NAME, second], command=storage.tool(tool)) == tool
    (found,) = storage.images()
    assert found["digest"] == str(made.digest)
    assert set(found["names"]) == {str(NAME), str(second)}  # type: ignore[call-overload]


def test_podman_loads_our_docker_archive(tmp_path: Path, store: Store, storage: Storage) -> None:
    docker_archive.save(store, image(store), tmp_path / "docker.tar", [NAME])
    run(*storage.tool("podman"), "load", "--input", tmp_path / "docker.tar")
    assert [found["names"] for found in storage.images()] == [[str(NAME)]]


def test_one_platform_of_an_index_is_loaded(store: Store, storage: Storage) -> None:
    platform = Platform("linux", "arm64")
    load_into_engine(
        store, several(store), [NAME], command=storage.tool("podman"), platform=platform
    )
    assert storage.images()[0]["digest"] == str(image(store, platform).digest)


def test_a_broken_engine(store: Store) -> None:
    with pytest.raises(MachineError, match="did not take the image"):
        load_into_engine(store, image(store), [NAME], command=["podman", "--root"])
    with pytest.raises(MachineError, match="cannot run"):
        load_into_engine(store, image(store), [NAME], command=["/nonexistent/podman"])


@pytest.mark.parametrize("form", ["oci", "docker"])
def test_images_of_the_local_storage(
    tmp_path: Path, store: Store, storage: Storage, form: str
) -> None:
    """Any tool gives the same canonical image, and what only Docker's format has is kept."""
    (tmp_path / "file").write_text("content")
    recipe = ["FROM scratch", "COPY file /file", 'CMD ["/file"]']
    if form == "docker":
        recipe += ["ONBUILD RUN true", "HEALTHCHECK CMD true", 'SHELL ["/bin/x"]']
    (tmp_path / "Dockerfile").write_text("\n".join(recipe))
    run(*storage.tool("buildah"), "build", "--format", form, "-t", str(NAME), tmp_path)
    loaded = {
        containers_storage.load(
            name, Store(tmp_path / f"store-{number}"), NATIVE, command=command
        ).descriptor.digest
        for number, (name, command) in enumerate(
            [
                (str(NAME), storage.tool("buildah")),
                (str(NAME), storage.tool("podman")),
                (storage.name(str(NAME)), ["skopeo"]),
                (storage.name(str(NAME)), None),
            ]
        )
    }
    assert len(loaded) == 1
    found = containers_storage.load(str(NAME), store, None, command=storage.tool("buildah"))
    assert found.canonicalised
    assert validate(store, found.descriptor) == []
    assert found.config_document.config["Cmd"] == ["/file"]
    if form == "docker":
        config = found.config_document.config
        assert config["OnBuild"] == ["RUN true"]
        assert config["Shell"] == ["/bin/x"]
        assert "Healthcheck" in config
    stated = json.loads(
        run("skopeo", "inspect", "--config", f"containers-storage:{storage.name(str(NAME))}")
    )
    assert [str(diff_id) for diff_id in found.config_document.diff_ids] == (
        stated["rootfs"]["diff_ids"]
    )


def test_an_image_that_the_storage_lacks(store: Store, storage: Storage) -> None:
    with pytest.raises(InputError, match="'localhost/absent:1'") as caught:
        containers_storage.load("localhost/absent:1", store, None, command=storage.tool("buildah"))
    assert "absent" in (caught.value.detail or "")
    with pytest.raises(MachineError, match="cannot run"):
        containers_storage.load("x", store, None, command=["/nonexistent/buildah"])


def test_recompressed_layers_are_taken_by_the_engines(
    tmp_path: Path, store: Store, storage: Storage
) -> None:
    """Multi-member gzip, larger than one member."""
    made = image(store)
    oci_archive.save(store, made, tmp_path / "o.tar")
    plain = layer("big", bytes(range(256)) * 16_000)
    diff_id = "sha256:" + hashlib.sha256(plain).hexdigest()
    big = recompress(io.BytesIO(plain), Digest.parse(diff_id), store, "layer")
    config = canonical_json.encode(
        {
            "architecture": NATIVE.architecture,
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [diff_id]},
        }
    )
    manifest = encode_manifest(
        Manifest(Descriptor(OCI_CONFIG, store.put(config), len(config)), (big,))
    )
    descriptor = Descriptor(OCI_MANIFEST, store.put(manifest), len(manifest))
    load_into_engine(store, descriptor, [NAME], command=storage.tool("buildah"))
    container = run(*storage.tool("buildah"), "from", "--pull-never", str(NAME)).strip()
    mounted = Path(run(*storage.tool("buildah"), "mount", container).strip())
    assert (mounted / "big").read_bytes() == bytes(range(256)) * 16_000
    run(*storage.tool("buildah"), "rm", container)
