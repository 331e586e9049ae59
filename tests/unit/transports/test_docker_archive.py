from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from samebit.errors import InputError, UsageError
from samebit.model.descriptor import OCI_LAYER_GZIP, OCI_MANIFEST, Descriptor
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.model.reference import Reference
from samebit.store.store import Store
from samebit.transports import docker_archive
from samebit.transports.resolve import stored_image
from samebit.transports.validate import validate

Make = Callable[..., Descriptor]
Plain = Callable[[str], bytes]


def write(path: Path, files: dict[str, bytes | str]) -> Path:
    with tarfile.open(path, "w") as out:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                out.addfile(member)
            else:
                member.size = len(content)
                out.addfile(member, io.BytesIO(content))
    return path


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def docker_saved(*layers: bytes, **config: Any) -> dict[str, bytes | str]:
    """What old versions of docker wrote, noise included."""
    document = {
        "architecture": "amd64",
        "os": "linux",
        "container": "0123",
        "docker_version": "20.10",
        "config": {"Cmd": ["/x"], "OnBuild": ["RUN y"], "Healthcheck": {"Test": ["CMD", "z"]}},
        "rootfs": {"type": "layers", "diff_ids": [sha(layer) for layer in layers]},
        **config,
    }
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    listed = {"Config": "c.json", "RepoTags": ["me/tool:1", "tool:2"], "Layers": names}
    return {
        **dict(zip(names, layers, strict=True)),
        "c.json": json.dumps(document).encode(),
        "manifest.json": json.dumps([listed]).encode(),
        "repositories": b"{}",
    }


def test_loading_makes_a_canonical_image(tmp_path: Path, store: Store, plain_layer: Plain) -> None:
    layers = [plain_layer("one"), plain_layer("two")]
    path = write(tmp_path / "d.tar", docker_saved(*layers))
    image = docker_archive.load(path, store, Platform("linux", "amd64"))
    assert image.canonicalised
    assert [str(diff_id) for diff_id in image.config_document.diff_ids] == [sha(x) for x in layers]
    assert validate(store, image.descriptor) == []
    document = image.config_document.document
    assert "container" not in document
    assert "docker_version" not in document
    assert image.config_document.config["OnBuild"] == ["RUN y"]
    assert image.config_document.config["Healthcheck"] == {"Test": ["CMD", "z"]}
    assert image.descriptor.media_type == OCI_MANIFEST
    assert {layer.media_type for layer in image.manifest.layers} == {OCI_LAYER_GZIP}
    for layer, plain in zip(image.manifest.layers, layers, strict=True):
        assert gzip.decompress(store.read(layer.digest)) == plain
    assert stored_image(store, image.descriptor) == image
    assert docker_archive.load(path, store, None) == image


def test_the_digest_does_not_depend_on_the_archives_form(
    tmp_path: Path, store: Store, other: Store, plain_layer: Plain
) -> None:
    layers = [plain_layer("one"), plain_layer("two")]
    files = docker_saved(*layers)
    first = docker_archive.load(write(tmp_path / "a.tar", files), store, None)
    # Compressed layers, shared ones as links, other names: podman and newer docker do that.
    changed: dict[str, bytes | str] = {
        "blobs/real": gzip.compress(layers[0]),
        "0/layer.tar": "../blobs/real",
        **{name: data for name, data in files.items() if name != "0/layer.tar"},
    }
    second = docker_archive.load(write(tmp_path / "b.tar", changed), other, None)
    assert first == second


def test_a_layer_that_occurs_twice(tmp_path: Path, store: Store, plain_layer: Plain) -> None:
    layer = plain_layer("one")
    image = docker_archive.load(write(tmp_path / "a.tar", docker_saved(layer, layer)), store, None)
    assert len(set(image.manifest.layers)) == 1
    docker_archive.save(store, image.descriptor, tmp_path / "b.tar")
    assert docker_archive.load(tmp_path / "b.tar", store, None) == image


def test_a_layer_known_by_a_record_is_still_verified(
    tmp_path: Path, store: Store, plain_layer: Plain
) -> None:
    one, two = plain_layer("one"), plain_layer("two")
    docker_archive.load(write(tmp_path / "a.tar", docker_saved(one)), store, None)
    files = docker_saved(one)
    files["0/layer.tar"] = two
    with pytest.raises(InputError, match="has other content: its diff ID is"):
        docker_archive.load(write(tmp_path / "b.tar", files), store, None)


@pytest.mark.parametrize("name", ["tool:2", "docker.io/library/tool:2", "me/tool:1"])
def test_choosing_by_any_spelling(
    tmp_path: Path, store: Store, plain_layer: Plain, name: str
) -> None:
    files = docker_saved(plain_layer("one"))
    listed = json.loads(files["manifest.json"])
    listed.append({"Config": "none.json", "RepoTags": ["else:1"], "Layers": []})
    files["manifest.json"] = json.dumps(listed).encode()
    path = write(tmp_path / "d.tar", files)
    assert docker_archive.load(path, store, None, name=name).canonicalised
    with pytest.raises(InputError, match="holds 2 images: else:1, me/tool:1, tool:2"):
        docker_archive.load(path, store, None)
    with pytest.raises(InputError, match="no image called 'x'; it holds: else:1"):
        docker_archive.load(path, store, None, name="x")


def change(name: str, data: bytes | str | None) -> Callable[[dict[str, bytes | str]], None]:
    def apply(files: dict[str, bytes | str]) -> None:
        if data is None:
            del files[name]
        else:
            files[name] = data

    return apply


@pytest.mark.parametrize(
    ("apply", "message"),
    [
        (change("manifest.json", None), "lacks 'manifest.json'"),
        (change("manifest.json", b"{}"), "not a list"),
        (change("manifest.json", b"[]"), "holds 0 images"),
        (change("manifest.json", b'[{"Config":"c.json","Layers":[3]}]'), "text is missing"),
        (change("manifest.json", b'[{"Config":"c.json","Layers":[]}]'), "0 layers"),
        (change("manifest.json", b'[{"Config":"../c","Layers":["0/layer.tar"]}]'), "lacks"),
        (change("manifest.json", b" " * (5 << 20)), "larger than"),
        (change("c.json", b"{}"), "rootfs"),
        (change("c.json", b" " * (17 << 20)), "larger than"),
        (change("0/layer.tar", None), "lacks '0/layer.tar'"),
        (change("0/layer.tar", b"other"), "diff ID"),
        (change("0/layer.tar", b"\x1f\x8b\x08broken"), "damaged|truncated"),
        (change("0/layer.tar", "../../../etc/passwd"), "leads out"),
    ],
)
def test_hostile_archives(
    tmp_path: Path,
    store: Store,
    plain_layer: Plain,
    *,
    apply: Callable[[dict[str, bytes | str]], None],
    message: str,
) -> None:
    files = docker_saved(plain_layer("one"))
    apply(files)
    with pytest.raises(InputError, match=message):
        docker_archive.load(write(tmp_path / "d.tar", files), store, None)
    assert os.listdir(store.root / "tmp") == []
    assert store.corrupt() == []


def test_another_platform(tmp_path: Path, store: Store, plain_layer: Plain) -> None:
    path = write(tmp_path / "d.tar", docker_saved(plain_layer("one")))
    with pytest.raises(InputError, match="no image for linux/arm64; it has: linux/amd64"):
        docker_archive.load(path, store, Platform("linux", "arm64"))


def test_digests_are_unknown_to_the_format(tmp_path: Path, store: Store) -> None:
    with pytest.raises(UsageError, match="knows no digests"):
        docker_archive.load(tmp_path / "d.tar", store, None, digest=Digest("0" * 64))


def test_saving(tmp_path: Path, store: Store, make: Make, plain_layer: Plain) -> None:
    made = make(store, "one", "two")
    names = [Reference.parse("tool:2"), Reference.parse("example.org/a@sha256:" + "0" * 64)]
    docker_archive.save(store, made, tmp_path / "a.tar", names)
    docker_archive.save(store, made, tmp_path / "b.tar", names[::-1])
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    with tarfile.open(tmp_path / "a.tar") as found:
        content = {
            member.name: file.read()
            for member in found.getmembers()
            if (file := found.extractfile(member)) is not None
        }
    (listed,) = json.loads(content["manifest.json"])
    assert listed["RepoTags"] == ["docker.io/library/tool:2", "example.org/a:latest"]
    assert [content[name] for name in listed["Layers"]] == [plain_layer("one"), plain_layer("two")]
    config = stored_image(store, made).manifest.config
    assert content[listed["Config"]] == store.read(config.digest)


def test_saving_an_index_needs_a_choice(
    tmp_path: Path, store: Store, make: Make, make_index: Make
) -> None:
    index = make_index(store, (make(store, "one"), "linux/amd64"))
    with pytest.raises(UsageError, match="holds one platform"):
        docker_archive.save(store, index, tmp_path / "a.tar")


def test_saving_verifies_diff_ids(tmp_path: Path, store: Store, make: Make) -> None:
    wrong = {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]}
    made = make(store, "one", rootfs=wrong)
    with pytest.raises(InputError, match="another diff ID"):
        docker_archive.save(store, made, tmp_path / "a.tar")
    assert not (tmp_path / "a.tar").exists()
