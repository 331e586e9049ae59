from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from samebit.errors import InputError, UsageError
from samebit.model.descriptor import (
    DOCKER_CONFIG,
    DOCKER_LAYER_GZIP,
    DOCKER_MANIFEST,
    OCI_LAYER_GZIP,
    Descriptor,
)
from samebit.model.digest import Digest
from samebit.model.platform import Platform
from samebit.store.store import Store
from samebit.transports import oci_layout
from samebit.transports.reachable import reachable
from samebit.transports.resolve import stored_image

Make = Callable[..., Descriptor]
AMD64 = Platform("linux", "amd64")


@pytest.fixture
def layout(tmp_path: Path, other: Store, make: Make) -> Path:
    oci_layout.save(other, make(other, "one"), tmp_path / "out")
    return tmp_path / "out"


def blobs(root: Path) -> dict[str, bytes]:
    directory = root / "blobs" / "sha256"
    return {name: (directory / name).read_bytes() for name in os.listdir(directory)}


def edit_index(root: Path, change: Callable[[dict[str, object]], object]) -> None:
    document = json.loads((root / "index.json").read_bytes())
    change(document)
    (root / "index.json").write_text(json.dumps(document))


def test_bytes_survive_writing_and_reading(
    tmp_path: Path, store: Store, other: Store, make: Make
) -> None:
    made = make(store, "one", "two")
    oci_layout.save(store, made, tmp_path / "out", "v1")
    image = oci_layout.load(tmp_path / "out", other, AMD64, name="v1")
    assert image.descriptor == made
    assert not image.canonicalised
    assert blobs(other.root) == blobs(store.root) == blobs(tmp_path / "out")
    assert [found.media_type for found in image.manifest.layers] == [OCI_LAYER_GZIP] * 2
    assert oct((tmp_path / "out").stat().st_mode & 0o777) == oct(0o777 & ~current_umask())
    assert sorted(os.listdir(tmp_path)) == ["other", "out", "store"]


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_dockers_types_are_mapped_and_its_bytes_kept(
    tmp_path: Path, store: Store, other: Store, make: Make
) -> None:
    made = make(store, "one", types=(DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER_GZIP))
    oci_layout.save(store, made, tmp_path / "out")
    image = oci_layout.load(tmp_path / "out", other, None)
    assert image.descriptor == made
    assert image.descriptor.media_type == DOCKER_MANIFEST
    assert image.manifest.layers[0].media_type == OCI_LAYER_GZIP
    assert blobs(other.root) == blobs(store.root)


def test_other_images_of_a_layout_are_kept(
    tmp_path: Path, store: Store, other: Store, make: Make
) -> None:
    one, two = make(store, "one"), make(store, "two")
    out = tmp_path / "out"
    oci_layout.save(store, one, out, "a")
    oci_layout.save(store, two, out, "b")
    assert oci_layout.load(out, other, None, name="a").descriptor == one
    assert oci_layout.load(out, other, None, name="b").descriptor == two
    oci_layout.save(store, two, out, "a")
    assert oci_layout.load(out, other, None, name="a").descriptor == two
    # Both names mean one image now, so there is nothing to choose.
    assert oci_layout.load(out, other, None).descriptor == two
    oci_layout.save(store, one, out)
    # The image of the layout is the last one; images with names are others.
    oci_layout.save(store, make(store, "three"), out)
    oci_layout.save(store, one, out)
    assert len(json.loads((out / "index.json").read_bytes())["manifests"]) == 3
    with pytest.raises(InputError, match="several images: a, b"):
        oci_layout.load(out, other, None)
    with pytest.raises(InputError, match="no image called 'c'; it holds: a, b"):
        oci_layout.load(out, other, None, name="c")


def test_a_damaged_blob_of_the_target_is_replaced(tmp_path: Path, store: Store, make: Make) -> None:
    made = make(store, "one")
    out = tmp_path / "out"
    oci_layout.save(store, made, out, "a")
    for name in blobs(out):
        (out / "blobs" / "sha256" / name).write_bytes(b"x")
    oci_layout.save(store, made, out, "a")
    assert blobs(out) == blobs(store.root)


def test_an_empty_directory_is_a_new_layout(tmp_path: Path, store: Store, make: Make) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    oci_layout.save(store, make(store, "one"), tmp_path / "link")
    assert (tmp_path / "out" / "oci-layout").is_file()
    assert (tmp_path / "link").is_symlink()


def test_something_else_is_not_written_into(tmp_path: Path, store: Store, make: Make) -> None:
    made = make(store, "one")
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("dir", "file"):
        with pytest.raises(UsageError, match="not an OCI layout"):
            oci_layout.save(store, made, tmp_path / name)
    assert os.listdir(tmp_path / "dir") == ["file"]


def test_an_image_of_several_platforms(
    tmp_path: Path, store: Store, other: Store, make: Make, make_index: Make
) -> None:
    amd, arm = make(store, "amd"), make(store, "arm", platform="linux/arm64")
    index = make_index(store, (arm, "linux/arm64"), (amd, None))
    nested = make_index(store, (index, None))
    oci_layout.save(store, nested, tmp_path / "out", "x")
    assert blobs(tmp_path / "out") == blobs(store.root)
    for platform, expected in (("linux/amd64", amd), ("linux/arm64/v8", arm)):
        image = oci_layout.load(tmp_path / "out", other, Platform.parse(platform))
        assert image.descriptor == expected
    with pytest.raises(InputError, match="has no image for linux/s390x; it has: linux/"):
        oci_layout.load(tmp_path / "out", other, Platform("linux", "s390x"))
    assert stored_image(store, nested, AMD64).descriptor == amd


def test_platforms_in_the_index_of_the_layout_itself(
    tmp_path: Path, store: Store, other: Store, make: Make
) -> None:
    amd, arm = make(store, "amd"), make(store, "arm", platform="linux/arm64")
    oci_layout.save(store, amd, tmp_path / "out", "amd")
    oci_layout.save(store, arm, tmp_path / "out", "arm")
    index = json.loads((tmp_path / "out" / "index.json").read_bytes())
    for entry in index["manifests"]:
        del entry["annotations"]
    (tmp_path / "out" / "index.json").write_text(json.dumps(index))
    assert oci_layout.load(tmp_path / "out", other, AMD64).descriptor == amd


def test_one_image_of_another_platform(
    tmp_path: Path, store: Store, other: Store, make: Make
) -> None:
    oci_layout.save(store, make(store, "a", platform="linux/arm/v7"), tmp_path / "out")
    with pytest.raises(InputError, match="no image for linux/amd64; it has: linux/arm/v7"):
        oci_layout.load(tmp_path / "out", other, AMD64)
    assert oci_layout.load(tmp_path / "out", other, None).platform == Platform("linux", "arm", "v7")


def test_choosing_by_digest(
    tmp_path: Path, store: Store, other: Store, make: Make, make_index: Make
) -> None:
    amd, arm = make(store, "amd"), make(store, "arm", platform="linux/arm64")
    index = make_index(store, (amd, "linux/amd64"), (arm, "linux/arm64"))
    oci_layout.save(store, index, tmp_path / "out", "x")
    image = oci_layout.load(tmp_path / "out", other, None, digest=arm.digest)
    assert image.descriptor == arm
    with pytest.raises(InputError, match="lacks blobs"):
        oci_layout.load(tmp_path / "out", other, None, digest=Digest("0" * 64))


def test_every_wrong_blob_is_refused(tmp_path: Path, store: Store, make: Make) -> None:
    oci_layout.save(store, make(store, "one"), tmp_path / "out")
    for number, name in enumerate(sorted(blobs(tmp_path / "out"))):
        for wrong, message in (
            (lambda data: data[:-1], "content|announced|have"),
            (lambda data: bytes([data[0] ^ 1]) + data[1:], "content"),
            (lambda data: data + b" ", "content|longer|larger"),
        ):
            root = tmp_path / "copy"
            shutil.copytree(tmp_path / "out", root)
            path = root / "blobs" / "sha256" / name
            path.write_bytes(wrong(path.read_bytes()))
            fresh = Store(tmp_path / f"fresh-{number}")
            with pytest.raises(InputError, match=message):
                oci_layout.load(root, fresh, None)
            assert not fresh.has(Digest(name))
            assert fresh.corrupt() == []
            shutil.rmtree(root)
        path = tmp_path / "out" / "blobs" / "sha256" / name
        path.rename(tmp_path / "away")
        with pytest.raises(InputError, match="lacks blobs"):
            oci_layout.load(tmp_path / "out", Store(tmp_path / "fresh"), None)
        os.mkfifo(path)
        with pytest.raises(InputError, match="is not a file"):
            oci_layout.load(tmp_path / "out", Store(tmp_path / "fresh"), None)
        path.unlink()
        (tmp_path / "away").rename(path)


def test_a_damaged_copy_in_the_store_is_read_again(
    tmp_path: Path, store: Store, other: Store, make: Make
) -> None:
    made = make(store, "one")
    oci_layout.save(store, made, tmp_path / "out")
    image = oci_layout.load(tmp_path / "out", other, None)
    other.path(image.manifest.layers[0].digest).write_bytes(b"short")
    oci_layout.load(tmp_path / "out", other, None)
    assert other.corrupt() == []


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("oci-layout", b"{}", "oci-layout"),
        ("oci-layout", b'{"imageLayoutVersion":"2.0.0"}', "'2.0.0' is not supported"),
        ("oci-layout", b"x" * 5000, "larger than 4096"),
        ("index.json", b"{}", "schemaVersion"),
        ("index.json", b'{"schemaVersion":2,"manifests":[]}', "is empty"),
        ("index.json", b'{"schemaVersion":2,"manifests":3}', "not a list"),
        ("index.json", b'{"schemaVersion":2,"config":{},"layers":[]}', "not a list"),
        ("index.json", b" " * (5 << 20), "larger than"),
        ("index.json", b"[" * 50_000, "JSON"),
    ],
)
def test_hostile_layouts(
    layout: Path, store: Store, *, name: str, data: bytes, message: str
) -> None:
    (layout / name).write_bytes(data)
    with pytest.raises(InputError, match=message):
        oci_layout.load(layout, store, None)


def test_no_layout_at_all(tmp_path: Path, store: Store) -> None:
    with pytest.raises(InputError, match="there is no OCI layout at"):
        oci_layout.load(tmp_path / "absent", store, None)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="lacks oci-layout"):
        oci_layout.load(tmp_path / "file", store, None)


def test_an_index_that_contains_itself_ends(
    tmp_path: Path, store: Store, other: Store, make_index: Make, make: Make
) -> None:
    deep = make(store, "one")
    for _ in range(6):
        deep = make_index(store, (deep, None))
    oci_layout.save(store, deep, tmp_path / "out")
    with pytest.raises(InputError, match="nested deeper"):
        oci_layout.load(tmp_path / "out", other, None)


def test_a_lying_size_in_the_index(tmp_path: Path, store: Store, other: Store, make: Make) -> None:
    oci_layout.save(store, make(store, "one"), tmp_path / "out")
    edit_index(tmp_path / "out", lambda index: index["manifests"][0].update(size=5))  # type: ignore[index]
    with pytest.raises(InputError, match="5 were announced"):
        oci_layout.load(tmp_path / "out", other, None)
    edit_index(tmp_path / "out", lambda index: index["manifests"][0].update(size=1 << 40))  # type: ignore[index]
    with pytest.raises(InputError, match="too many"):
        oci_layout.load(tmp_path / "out", other, None)


def test_missing_blobs_are_seen_before_anything_is_written(
    tmp_path: Path, store: Store, make: Make
) -> None:
    made = make(store, "one")
    layer = stored_image(store, made).manifest.layers[0]
    store.path(layer.digest).unlink()
    with pytest.raises(InputError, match="not in the store"):
        oci_layout.save(store, made, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_reachable_looks_behind_a_manifest_that_poses_as_a_layer(
    store: Store, make: Make, make_index: Make
) -> None:
    inner = make(store, "inner")
    poser = json.loads(store.read(make(store, "x").digest))
    poser["layers"] = [
        {"mediaType": OCI_LAYER_GZIP, "digest": str(inner.digest), "size": inner.size}
    ]
    data = json.dumps(poser).encode()
    outer = Descriptor(inner.media_type, store.put(data), len(data))
    index = make_index(store, (inner, "linux/amd64"), (outer, "linux/arm64"))
    found = {blob.digest for blob in reachable(store, index)}
    assert stored_image(store, inner).manifest.layers[0].digest in found


SAVER = """
import sys
from pathlib import Path
from samebit.model.digest import Digest
from samebit.model.descriptor import Descriptor
from samebit.store.store import Store
from samebit.transports import oci_archive, oci_layout
kind, root, digest, size, out, name = sys.argv[1:]
module = {"layout": oci_layout, "archive": oci_archive}[kind]
descriptor = Descriptor(
    "application/vnd.oci.image.manifest.v1+json", Digest(digest), int(size)
)
store = Store(Path(root))
print("ready", flush=True)
while True:
    module.save(store, descriptor, Path(out), name)
"""


@pytest.mark.parametrize("kind", ["layout", "archive"])
def test_killed_while_writing(tmp_path: Path, store: Store, make: Make, kind: str) -> None:
    made = make(store, "x" * 90, pack=lambda data: data + os.urandom(3_000_000))
    from samebit.transports import oci_archive

    module = {"layout": oci_layout, "archive": oci_archive}[kind]
    directory = tmp_path / "outputs"
    out = directory / "image"
    for moment in range(8):
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                SAVER,
                kind,
                store.root,
                made.digest.hex,
                str(made.size),
                out,
                f"name-{moment}",
            ],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "src")},
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.011 * moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if out.exists():
            fresh = Store(tmp_path / f"fresh-{moment}")
            assert module.load(out, fresh, None).descriptor == made
    module.save(store, made, out, "last")
    assert os.listdir(directory) == ["image"], "temporary files were left"
    if kind == "layout":
        assert sorted(os.listdir(out)) == ["blobs", "index.json", "oci-layout"]
        assert len(blobs(out)) == 3
